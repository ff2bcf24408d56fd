// What the desk's pages need beside htmx: the newest message in sight, how many wait in the tab's title, ready answers in the
// reply, and a sound and a notification for those who switched them on (kept in this browser under "alerts").

const title = document.title;
const alerts = document.getElementById("alerts");
const waiting = () => document.querySelector("[data-waiting]")?.dataset.waiting.split(" ").filter(Boolean) ?? [];
let known = new Set(waiting());
let audio;

function beep() {
  audio ??= new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  volume.gain.setValueAtTime(0.2, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.6);
  tone.frequency.value = 660;
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.6);
}

function showAlerts() {
  alerts?.setAttribute("aria-pressed", String(localStorage.getItem("alerts") === "on"));
}

alerts?.addEventListener("click", async () => {
  const on = localStorage.getItem("alerts") !== "on";
  localStorage.setItem("alerts", on ? "on" : "off");
  showAlerts();
  if (!on) return;
  beep();
  if ("Notification" in window) await Notification.requestPermission();
});

function settle() {
  const ids = waiting();
  document.title = ids.length ? `(${ids.length}) ${title}` : title;
  if (ids.some((id) => !known.has(id)) && localStorage.getItem("alerts") === "on" && alerts) {
    beep();
    if ("Notification" in window && Notification.permission === "granted")
      new Notification(title, { body: alerts.dataset.arrived, tag: "neuvo-queue" });
  }
  known = new Set(ids);
}

function toTheEnd() {
  const transcript = document.getElementById("transcript");
  if (transcript) transcript.scrollTop = transcript.scrollHeight;
}

document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id === "transcript") toTheEnd();
  settle();
});
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
showAlerts();
toTheEnd();
settle();
