// The page at /: a chat over the web channel. It parses no text: every message says what it is.
// It keeps the conversation's token, that of the one before it, and the messages that are not acknowledged yet: nothing else.

const $ = (id) => document.getElementById(id);
const log = $("log");
let texts = { strings: {}, topics: [], languages: [] };
let conversation = JSON.parse(sessionStorage.getItem("conversation") ?? "null");
let unsent = JSON.parse(sessionStorage.getItem("unsent") ?? "[]");
let seen = 0;
let stream = null;
let sending = false;
let mode = "bot";
let readAtDesk = 0;
let typed = 0;

const keep = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function status(text = "") {
  $("status").textContent = text;
}

async function api(path, options = {}) {
  const headers = { "Content-Type": "application/json", ...options.headers };
  if (conversation) headers.Authorization = `Bearer ${conversation.token}`;
  return fetch(`/api${path}`, { ...options, headers });
}

async function showTexts(code) {
  texts = await (await fetch(`/api/texts/${encodeURIComponent(code)}`)).json();
  const s = texts.strings;
  document.documentElement.lang = texts.language;
  document.documentElement.dir = texts.direction;
  document.title = `Neuvo – ${s.title}`;
  $("title").textContent = s.title;
  $("danger").textContent = s.danger;
  $("language-label").textContent = s.language;
  $("text").setAttribute("aria-label", s.write);
  $("text").placeholder = s.write;
  $("send").textContent = s.send;
  $("person").textContent = s.person;
  $("topics").textContent = s.topics;
  $("new").textContent = s.new;
  log.setAttribute("aria-label", s.messages);
  $("language").replaceChildren(
    ...texts.languages.map(({ code: value, name }) => element("option", { value, textContent: name, lang: value })));
  $("language").value = texts.language;
  if (!seen) welcome();
}

function welcome() {
  const s = texts.strings;
  log.replaceChildren();
  const card = bubble("assistant", texts.language);
  card.append(element("p", { textContent: s.intro }), element("p", { textContent: texts.hours }),
    element("p", { className: "note", textContent: s.privacy }), choices(texts.topics));
  log.append(card);
}

function bubble(author, language, type = "", name = undefined) {
  const known = texts.languages.find(({ code }) => code === language);
  const card = element("div", { className: `message ${author} ${type}`, lang: language, dir: known?.direction ?? "auto" });
  const label = texts.strings[author === "person" ? "you" : author];
  card.append(element("span", { className: "author", textContent: name ? `${label} · ${name}` : label,
    lang: texts.language, dir: texts.direction }));
  return card;
}

function choices(list) {
  return element("div", { className: "choices" }, ...list.map((choice) => {
    const button = element("button", { type: "button", textContent: choice.label, dir: "auto" });
    button.addEventListener("click", () => send({ payload: choice.payload }, choice.label));
    return button;
  }));
}

function blocks(list) {
  return list.map((block) => typeof block === "string"
    ? element("p", { textContent: block })
    : element("ul", {}, ...block.map((point) => element("li", { textContent: point }))));
}

function link(url, title) {
  const made = element("a", { textContent: title, rel: "noopener noreferrer", target: "_blank" });
  if (url.startsWith("https://")) made.href = url;
  return made;
}

function answerCard(card, message) {
  card.append(element("h2", { textContent: message.question }));
  for (const { kind, text } of message.notes.filter(({ kind }) => ["language", "draft", "expired"].includes(kind)))
    card.append(element("p", { className: `note ${kind}`, textContent: text, lang: texts.language, dir: texts.direction }));
  card.append(...blocks(message.blocks));
  card.append(element("ul", {}, ...message.links.map(({ url, title }) => element("li", {}, link(url, title)))));
  for (const { kind, text } of message.notes.filter(({ kind }) => !["language", "draft", "expired"].includes(kind)))
    card.append(element("p", { className: `note ${kind}`, textContent: text, lang: texts.language, dir: texts.direction }));
  if (message.original) {
    const { language, question, blocks: original } = message.original;
    card.append(element("details", {}, element("summary", { textContent: texts.strings.original, lang: texts.language }),
      element("div", { lang: language, dir: "ltr" }, element("h2", { textContent: question }), ...blocks(original))));
  }
}

function urgentCard(card, message) {
  card.setAttribute("role", "alert");
  card.append(element("p", { textContent: message.text }));
  card.append(element("ul", {}, ...message.lines.map((line) => element("li", {},
    element("a", { className: "number", href: `tel:${line.number.replaceAll(" ", "")}`, textContent: line.number }),
    ` ${line.name}${[line.hours, line.languages].filter(Boolean).map((part) => ` · ${part}`).join("")}`))));
}

function show(message) {
  if (!seen) log.replaceChildren();
  if (message.seq <= seen) return;
  seen = message.seq;
  const card = bubble(message.author, message.language, message.type, message.name);
  if (message.type === "answer") answerCard(card, message);
  else if (message.type === "urgent") urgentCard(card, message);
  else card.append(element("p", { textContent: message.text, dir: message.author === "person" ? "auto" : card.dir }));
  if (message.choices?.length) card.append(choices(message.choices));
  log.append(card);
  if (mode === "advisor") tellRead();
  if (message.author === "person") {
    card.dataset.seq = message.seq;
    markRead();
    unsent = unsent.filter(({ client_id }) => client_id !== message.client_id);
    keep("unsent", unsent);
    log.scrollTop = log.scrollHeight;
    if (mode !== "advisor") status(texts.strings.thinking);
  } else {
    status();
    card.scrollIntoView({ block: "start" });
  }
}

// The person's own messages say whether the advisor has read them.
function markRead() {
  if (mode !== "advisor") return;
  for (const card of log.querySelectorAll(".message.person[data-seq]")) {
    const mark = card.querySelector(".mark") ?? card.appendChild(element("span", { className: "mark", lang: texts.language }));
    mark.textContent = Number(card.dataset.seq) <= readAtDesk ? texts.strings.read : texts.strings.sent;
  }
}

// What is shown on a page that is looked at is read.
function tellRead() {
  if (conversation && seen && document.visibilityState === "visible")
    api(`/conversations/${conversation.id}/read`, { method: "POST", body: JSON.stringify({ seq: seen }) }).catch(() => {});
}

function tellTyping() {
  if (mode !== "advisor" || Date.now() - typed < 3000) return;
  typed = Date.now();
  api(`/conversations/${conversation.id}/typing`, { method: "POST" }).catch(() => {});
}

let typingEnds;

function showTyping({ text, seconds }) {
  status(text);
  clearTimeout(typingEnds);
  typingEnds = setTimeout(() => { if ($("status").textContent === text) status(); }, seconds * 1000);
}

async function open() {
  const language = texts.language;
  const earlier = JSON.parse(sessionStorage.getItem("earlier") ?? "null") ?? undefined;
  const body = JSON.stringify({ language, chosen: chosenLanguage, earlier });
  const response = await api("/conversations", { method: "POST", body });
  if (response.status === 422) keep("earlier", null);  // a conversation that is no more
  if (!response.ok) throw new Error(String(response.status));
  conversation = await response.json();
  keep("conversation", conversation);
  listen();
}

let chosenLanguage = false;

async function send(content, label) {
  if (!conversation && content.payload?.startsWith("language:")) return;
  if (mode !== "advisor") status(texts.strings.thinking);
  unsent.push({ client_id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, ...content });
  keep("unsent", unsent);
  await flush();
}

async function flush() {
  if (sending) return;
  sending = true;
  try {
    while (unsent.length) {
      try {
        if (!conversation) await open();
        const sent = unsent[0];
        const response = await api(`/conversations/${conversation.id}/messages`, { method: "POST", body: JSON.stringify(sent) });
        if (response.status === 401 || response.status === 404) { forget(); continue; }
        if (response.status >= 500) throw new Error(String(response.status));
        if (response.status === 422) status(texts.strings.too_long);
        // Its event may have been faster, and the first one now another.
        unsent = unsent.filter(({ client_id }) => client_id !== sent.client_id);
        keep("unsent", unsent);
      } catch {
        status(texts.strings.offline);
        await pause(3);
      }
    }
  } finally {
    sending = false;
  }
}

function forget(earlier = null) {
  stream?.abort();
  keep("earlier", earlier);
  conversation = null;
  seen = 0;
  mode = "bot";
  $("place").textContent = "";
  keep("conversation", null);
}

async function listen() {
  stream?.abort();
  const abort = stream = new AbortController();
  while (conversation && !abort.signal.aborted) {
    try {
      const response = await api(`/conversations/${conversation.id}/events`, {
        headers: seen ? { "Last-Event-ID": String(seen) } : {}, signal: abort.signal });
      if (response.status === 401 || response.status === 404) return forget();
      let rest = "";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const events = (rest + part.value).replaceAll("\r\n", "\n").split("\n\n");
        rest = events.pop();
        for (const event of events) await receive(event);
      }
    } catch {
      if (abort.signal.aborted) return;
      status(texts.strings.offline);
    }
    await pause(2);
  }
}

async function receive(event) {
  const lines = event.split("\n");
  const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
  if (!data) return;
  const body = JSON.parse(data);
  if (name === "message") show(body);
  if (name === "typing") showTyping(body);
  if (name !== "state") return;
  if (body.mode === "advisor" && mode !== "advisor") { mode = body.mode; tellRead(); }
  mode = body.mode;
  readAtDesk = body.read;
  markRead();
  $("place").textContent = body.waiting ?? "";
  if (body.language !== texts.language) await showTexts(body.language);
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  if (text.length > 2000) return status(texts.strings.too_long);
  $("text").value = "";
  send({ text }, text);
});
$("text").addEventListener("input", tellTyping);
document.addEventListener("visibilitychange", () => { if (mode === "advisor") tellRead(); });
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("form").requestSubmit();
  }
});
$("person").addEventListener("click", () => send({ payload: "/human_handoff" }, texts.strings.person));
$("topics").addEventListener("click", () => {
  const card = bubble("assistant", texts.language);
  card.append(choices(texts.topics));
  log.append(card);
  card.scrollIntoView({ block: "end" });
  card.querySelector("button").focus();
});
$("new").addEventListener("click", () => { forget(conversation?.token); unsent = []; keep("unsent", unsent); welcome(); status(); $("text").focus(); });
$("language").addEventListener("change", async ({ target }) => {
  chosenLanguage = true;
  const code = target.value;
  await showTexts(code);
  if (conversation) send({ payload: `language:${code}` }, code);
});

await showTexts(new URLSearchParams(location.search).get("language") ?? navigator.language);
if (conversation) listen();
flush();
