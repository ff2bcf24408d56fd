// What the desk's pages need beside htmx: the newest message in sight, how many wait in the tab's title, ready answers in the reply.

const title = document.title;

function settle() {
  const transcript = document.getElementById("transcript");
  if (transcript) transcript.scrollTop = transcript.scrollHeight;
  const waiting = Number(document.querySelector("[data-waiting]")?.dataset.waiting ?? 0);
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

document.addEventListener("htmx:afterSettle", settle);
document.addEventListener("click", ({ target }) => {
  const text = target.closest?.("[data-insert]")?.dataset.insert;
  if (!text) return;
  const reply = document.querySelector("form.reply textarea");
  reply.value = reply.value ? `${reply.value}\n\n${text}` : text;
  reply.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest?.("form.reply")?.requestSubmit();
});
settle();
