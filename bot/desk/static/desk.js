// What the desk's pages need beside htmx: the newest message in sight, and how many wait in the tab's title.

const title = document.title;

function settle() {
  const transcript = document.getElementById("transcript");
  if (transcript) transcript.scrollTop = transcript.scrollHeight;
  const waiting = Number(document.querySelector("[data-waiting]")?.dataset.waiting ?? 0);
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

document.addEventListener("htmx:afterSettle", settle);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest?.("form.reply")?.requestSubmit();
});
settle();
