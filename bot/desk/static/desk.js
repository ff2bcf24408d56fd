// What the desk's pages need beside htmx: the newest message in sight and marked as read, drafts that survive a page, how many wait
// in the tab's title, ready answers in the reply, and a sound and a notification for those who switched them on ("alerts").

const title = document.title;
const alerts = document.getElementById("alerts");
const transcript = document.getElementById("transcript");
let audio;

// What calls for an advisor: who waits, who waits in danger, who wrote in a conversation of theirs.
function calling() {
  const queue = document.querySelector("[data-waiting]");
  const words = (text) => text?.split(" ").filter(Boolean) ?? [];
  const waiting = words(queue?.dataset.waiting);
  const open = transcript?.dataset.seen && document.visibilityState === "visible" ? transcript.dataset.seen : "";
  const unread = [...document.querySelectorAll("[data-unread]")].map((row) => `new ${row.dataset.unread}`)
    .filter((name) => !open || !open.includes(name.slice(4).replace("!", "")));
  return { waiting, all: [...waiting, ...words(queue?.dataset.urgent).map((id) => `danger ${id}`), ...unread], unread };
}
let known = new Set(calling().all);

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
  const { waiting, all, unread } = calling();
  const count = waiting.length + unread.length;
  document.title = count ? `(${count}) ${title}` : title;
  if (all.some((name) => !known.has(name)) && localStorage.getItem("alerts") === "on" && alerts) {
    beep();
    if ("Notification" in window && Notification.permission === "granted")
      new Notification(title, { body: alerts.dataset.arrived, tag: "neuvo-queue" });
  }
  known = new Set(all);
}

const last = (name) => Math.max(0, ...[...document.querySelectorAll(`#transcript [data-${name}]`)].map((part) => Number(part.dataset[name])));

// The person sees that what is in sight here was read.
let told = 0;
function tellSeen() {
  const seq = last("seq");
  if (!transcript?.dataset.seen || document.visibilityState !== "visible" || seq <= told) return;
  told = seq;
  const csrf = document.querySelector("input[name=csrf]").value;
  fetch(transcript.dataset.seen, { method: "POST", body: new URLSearchParams({ csrf, seq }) }).catch(() => { told = 0; });
}
document.addEventListener("visibilitychange", tellSeen);

let atTheEnd = true;
document.addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (target !== transcript) return;
  Object.assign(detail.parameters, { after: last("seq"), note: last("note") });
  atTheEnd = transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < 40;
});

function toTheEnd() {
  if (transcript && atTheEnd) transcript.scrollTop = transcript.scrollHeight;
}

document.addEventListener("htmx:afterSettle", () => {
  toTheEnd();
  tellSeen();
  settle();
});

// A draft is kept in this tab until it is sent: other forms of the page load it anew.
for (const box of document.querySelectorAll("form.reply textarea")) {
  const name = `draft ${box.form.getAttribute("action")}`;
  if (!box.value) box.value = sessionStorage.getItem(name) ?? "";
  box.addEventListener("input", () => sessionStorage.setItem(name, box.value));
  box.form.addEventListener("submit", () => sessionStorage.removeItem(name));
}
document.querySelector("form[action='/desk/sign-out']")?.addEventListener("submit", () => sessionStorage.clear());

document.addEventListener("click", ({ target }) => {
  const text = target.closest?.("[data-insert]")?.dataset.insert;
  if (!text) return;
  const reply = document.querySelector("form.reply textarea");
  reply.value = reply.value ? `${reply.value}\n\n${text}` : text;
  reply.dispatchEvent(new Event("input", { bubbles: true }));
  reply.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest?.("form.reply")?.requestSubmit();
});
showAlerts();
toTheEnd();
tellSeen();
settle();
