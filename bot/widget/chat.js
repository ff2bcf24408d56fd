// The custom element: <neuvo-chat>. Attributes: language, position (start | end), colour, topic (opened first), exit (where the
// quick exit leads), open; `page` fills the element's own place instead of floating. Events, none of which carries what was
// written: neuvo-opened, neuvo-message {author, type}, neuvo-handoff {mode}.

const SCRIPT = /** @type {HTMLScriptElement} */ (document.currentScript ?? document.querySelector("script[src*='/widget']"));
const SERVER = new URL(SCRIPT.src).origin;
const NEUTRAL = "https://www.ilmatieteenlaitos.fi/";
const TYPING = 3000;  // milliseconds between two signs that the person is writing
const LONGEST = 2000;

class NeuvoChat extends HTMLElement {
  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.memory = new Memory();
    this.mode = "bot";
    this.readAtDesk = 0;
    this.typed = 0;
    this.unseen = 0;
    this.left = false;
    this.loaded = new Date();
    /** @type {number | undefined} */
    this.ends = undefined;
    this.connection = new Connection(SERVER, this.memory, {
      message: (message) => this.show(message),
      state: (state) => this.state(state),
      typing: (text, seconds) => this.typing(text, seconds),
      online: (online) => this.online(online),
      refused: (status, message) => {
        if (status === 413 || (message.text?.length ?? 0) > LONGEST) this.status(this.s.too_long);
        this.root.querySelector(`[data-client="${CSS.escape(message.client_id)}"]`)?.remove();
        if (message.text && !this.field.value) this.field.value = message.text;
      },
      ended: () => this.restart(),
    });
  }

  async connectedCallback() {
    if (this.$("panel")) return this.start();  // it was moved
    this.dress();
    if (this.getAttribute("colour")) this.paint(/** @type {string} */ (this.getAttribute("colour")));
    this.page = this.hasAttribute("page");
    this.first();
    await this.speak(this.memory.kept.language ?? this.getAttribute("language") ?? (document.documentElement.lang || navigator.language));
    this.memory.changed = () => this.otherTab();
    window.speechSynthesis?.getVoices();  // some browsers load them at the first question
    addEventListener("pagehide", () => {
      window.speechSynthesis?.cancel();
      if (this.left) this.root.replaceChildren();
    });
    addEventListener("pageshow", (event) => {
      if (event.persisted) location.reload();  // what another page of this site did meanwhile is not known here
    });
    document.addEventListener("visibilitychange", () => this.tellRead());
    if (this.page || this.hasAttribute("open")) this.open(false);
    else this.start();  // an advisor may answer while the chat is closed
  }

  disconnectedCallback() {
    this.connection.stop();
  }

  /** The styles; an old browser gets them as a file, which the page's policy has to allow. */
  dress() {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      this.root.adoptedStyleSheets = [sheet];
    } catch {
      this.root.append(make("link", { rel: "stylesheet", href: `${SERVER}/widget.css` }));
    }
  }

  /** What stands here until the words have come: on a slow network that may take a while. */
  first() {
    const first = make("p", { id: "first" }, "112 · ", make("a", { href: `${SERVER}/hours`, textContent: "Neuvo" }));
    if (this.page) this.root.append(first);
  }

  /** The strings of the present language. */
  get s() {
    return /** @type {Texts} */ (this.texts).strings;
  }

  /** @param {string} id */
  $(id) {
    return /** @type {HTMLElement} */ (this.root.getElementById(id));
  }

  get field() {
    return /** @type {HTMLTextAreaElement} */ (this.$("text"));
  }

  /**
   * The city's colour, with black or white on it, whichever is read better.
   * @param {string} colour
   */
  paint(colour) {
    const canvas = document.createElement("canvas").getContext("2d");
    if (!canvas) return;
    canvas.fillStyle = colour;
    const hex = String(canvas.fillStyle);
    const rgb = hex.match(/[0-9a-f]{2}/gi)?.map((part) => {
      const value = parseInt(part, 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    }) ?? [0, 0, 0];
    const light = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
    this.style.setProperty("--neuvo-main", hex);
    this.style.setProperty("--neuvo-on-main", light > 0.179 ? "#000" : "#fff");
  }

  /**
   * Show everything in a language.
   * @param {string} code
   */
  async speak(code) {
    const turn = (this.turn = (this.turn ?? 0) + 1);  // of two choices the later one counts, whichever comes first
    for (let wait = AGAIN; ; wait = Math.min(wait * 2, 60_000)) {
      try {
        const response = await fetch(`${SERVER}/api/texts/${encodeURIComponent(code)}`);
        if (!response.ok) throw new Error(String(response.status));
        /** @type {Texts} */
        const texts = await response.json();
        if (turn !== this.turn || this.left) return;
        this.texts = texts;
        break;
      } catch {
        await pause(wait);
        if (turn !== this.turn || this.left) return;
      }
    }
    this.$("first")?.remove();
    const texts = /** @type {Texts} */ (this.texts);
    this.cards = new Cards(texts, {
      send: (choice) => this.send({ payload: choice.payload, label: choice.label }),
      helpful: (seq, yes) => this.connection.tell(`messages/${seq}/helpful`, { helpful: yes }),
      say: (text) => this.status(text),
    });
    if (!this.$("panel")) this.build();
    const whole = /** @type {HTMLElement} */ (this.root.querySelector(".neuvo"));
    whole.lang = texts.language;
    whole.dir = texts.direction;
    this.label();
    if (!this.connection.seen && !this.memory.kept.unsent.length) this.welcome();
    this.showUnsent();
  }

  /** The element's parts, without words. */
  build() {
    const tool = (/** @type {string} */ id, /** @type {() => void} */ press) => button("", press, { id });
    const form = make("form", { id: "form", autocomplete: "off" },
      make("textarea", { id: "text", rows: 2, dir: "auto", enterKeyHint: "send", maxLength: LONGEST }), make("button", { id: "send" }));
    const menu = make("details", { id: "menu" }, make("summary", { id: "menu-label" }), make("div", { className: "menu" },
      tool("new", () => this.restart(true)), tool("save", () => this.save()), tool("shared", () => this.share()),
      tool("forget", () => this.askToForget())));
    const panel = make("section", { id: "panel", role: this.page ? "region" : "dialog", hidden: !this.page, "aria-labelledby": "title" },
      make("header", {}, make("h1", { id: "title" }), make("div", { className: "bar" }, menu,
        make("label", { className: "language" }, make("span", { id: "language-label", className: "hidden" }), make("select", { id: "language" })),
        tool("exit", () => this.leave()), this.page ? null : tool("close", () => this.close()))),
      make("p", { id: "danger" }),
      make("div", { id: "log", role: "log", "aria-live": "polite", tabIndex: 0 }),
      make("p", { id: "place", role: "status" }), make("p", { id: "status", role: "status" }),
      make("p", { id: "error", role: "alert" }),
      make("footer", {}, form, make("div", { className: "tools" },
        tool("person", () => this.send({ payload: "/human_handoff", label: this.s.person })), tool("topics", () => this.showTopics()))));
    this.root.append(make("div", { className: `neuvo ${this.getAttribute("position") === "start" ? "start" : ""} ${this.page ? "page" : ""}` },
      this.page ? null : tool("launcher", () => this.open()), panel));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.write(); });
    this.field.addEventListener("input", () => this.tellTyping());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.write();
      }
    });
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      if (this.$("menu").hasAttribute("open")) this.closeMenu();
      else if (!this.page) this.close();
    });
    this.$("language").addEventListener("change", (event) => this.choose(/** @type {HTMLSelectElement} */ (event.target).value));
  }

  /** All words that are not messages. */
  label() {
    const s = this.s, texts = /** @type {Texts} */ (this.texts);
    for (const [id, text] of Object.entries({ title: s.title, danger: s.danger, "language-label": s.language, send: s.send,
      person: s.person, topics: s.topics, new: s.new, save: s.save, shared: s.shared, forget: s.forget, "menu-label": s.menu,
      exit: s.exit, close: "×", launcher: this.unseen ? `${s.title} (${this.unseen})` : s.title }))
      if (this.$(id)) this.$(id).textContent = text;
    this.$("exit").title = s.exit_what;
    this.$("close")?.setAttribute("aria-label", s.close);
    this.$("launcher")?.setAttribute("aria-label", `${s.open}: ${this.$("launcher").textContent}`);
    this.$("log").setAttribute("aria-label", s.messages);
    this.field.placeholder = s.write;
    this.field.setAttribute("aria-label", s.write);
    const select = /** @type {HTMLSelectElement} */ (this.$("language"));
    select.replaceChildren(...texts.languages.map(({ code, name }) => make("option", { value: code, textContent: name, lang: code })));
    select.value = texts.language;
  }

  /** What is said before the first message. */
  welcome() {
    const s = this.s, texts = /** @type {Texts} */ (this.texts), cards = /** @type {Cards} */ (this.cards);
    const card = cards.empty("assistant", texts.language, "welcome");
    const languages = make("div", { className: "languages", role: "group", "aria-label": s.choose }, ...texts.languages
      .filter(({ code }) => code !== texts.language)
      .map(({ code, name, direction, greeting }) =>
        button(`${greeting} · ${name}`, () => this.choose(code), { lang: code, dir: direction })));
    const tier = texts.languages.find(({ code }) => code === texts.language)?.tier;
    card.append(make("p", { textContent: s.intro }), make("p", { textContent: texts.hours }));
    if (tier === "interpreted") card.append(make("p", { textContent: s.interpreted }));
    card.append(cards.choices(texts.topics),
      make("p", { className: "note", textContent: s.privacy }), make("p", { className: "note", textContent: s.anonymous }),
      make("p", { className: "note", textContent: s.reports }), languages);
    this.$("log").replaceChildren(card);
  }

  /**
   * Open the panel.
   * @param {boolean} [focus]
   */
  open(focus = true) {
    this.$("panel").hidden = false;
    this.unseen = 0;
    this.label();
    this.$("launcher")?.setAttribute("hidden", "");
    if (focus) this.field.focus();
    this.start();
    this.$("log").scrollTop = this.$("log").scrollHeight;
    const topic = this.getAttribute("topic");
    if (topic && !this.memory.kept.conversation && !this.memory.kept.unsent.length) {
      const choice = this.texts?.topics.find(({ payload }) => payload === `/${topic}`);
      if (choice) this.send({ payload: choice.payload, label: choice.label });
    }
    this.tell("opened");
  }

  /** Go on with the conversation that was kept. */
  start() {
    if (this.memory.kept.conversation && !this.connection.stream) this.connection.listen();
    this.showUnsent();
    this.flush();
  }

  close() {
    this.$("panel").hidden = true;
    this.$("launcher").removeAttribute("hidden");
    this.$("launcher").focus();
  }

  /**
   * @param {string} name
   * @param {object} [detail]
   */
  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(`neuvo-${name}`, { bubbles: true, composed: true, detail }));
  }

  flush() {
    const kept = this.memory.kept;
    this.connection.flush(this.texts?.language ?? "en", kept.language !== null);
  }

  write() {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.send({ text });
  }

  /** @param {{text?: string, payload?: string, label?: string}} content */
  send(content) {
    const client_id = this.connection.send(content, this.texts?.language ?? "en", this.memory.kept.language !== null);
    this.showUnsent();
    this.root.querySelector(`[data-client="${CSS.escape(client_id)}"]`)?.scrollIntoView({ block: "nearest" });
    if (this.mode !== "advisor") this.status(this.s.thinking);
  }

  /** Messages that the server does not have yet stand last, until it has them. */
  showUnsent() {
    const log = this.$("log"), cards = this.cards;
    if (!log || !cards) return;
    for (const { client_id, text, label } of this.memory.kept.unsent) {
      const said = text ?? label;
      if (!said || log.querySelector(`[data-client="${CSS.escape(client_id)}"]`)) continue;
      log.querySelector(".welcome")?.remove();
      const card = cards.card({ seq: 0, author: "person", type: "text", language: this.texts?.language ?? "", text: said, time: "" });
      card.dataset.client = client_id;
      card.classList.add("pending");
      log.append(card);
      log.scrollTop = log.scrollHeight;
    }
  }

  /** @param {Message} message */
  show(message) {
    const log = this.$("log"), card = /** @type {Cards} */ (this.cards).card(message);
    const before = message.client_id && log.querySelector(`[data-client="${CSS.escape(message.client_id)}"]`);
    log.querySelector(".welcome")?.remove();
    if (message.type === "urgent") card.setAttribute("role", "alert");
    if (before) before.remove();
    const waiting = log.querySelector(".pending");  // order is the server's: what it does not have yet stands last
    if (waiting) waiting.before(card);
    else log.append(card);
    if (message.author === "person") {
      card.dataset.seq = String(message.seq);
      this.marks();
      log.scrollTop = log.scrollHeight;
    } else {
      this.status();
      this.ask(message.input);
      // Within the log alone: the page around it stays where it is.
      log.scrollTop = card.offsetHeight > log.clientHeight ? card.offsetTop - log.offsetTop : log.scrollHeight;
      this.tellRead();
    }
    if (this.$("panel").hidden && message.author !== "person" && new Date(message.time) > this.loaded) {
      this.unseen += 1;
      this.label();
    }
    // What is old is no news, and that somebody spoke of danger is nobody's business.
    if (new Date(message.time) > this.loaded)
      this.tell("message", { author: message.author, type: message.type === "urgent" ? "text" : message.type });
  }

  /**
   * What the field is for now, and what was wrong with what it had. Only a question of the form says so.
   * @param {{type: string, error: string | null} | undefined} input
   */
  ask(input) {
    this.field.inputMode = input?.type ?? "text";
    this.field.setAttribute("autocomplete", input?.type ?? "off");
    this.field.setAttribute("aria-invalid", String(Boolean(input?.error)));
    this.field.setAttribute("aria-describedby", "error");
    this.$("error").textContent = input?.error ?? "";
  }

  /** @param {State} state */
  async state(state) {
    if (this.left) return;
    if (state.mode !== this.mode) this.tell("handoff", { mode: state.mode });
    this.mode = state.mode;
    this.readAtDesk = state.read;
    this.$("place").textContent = state.waiting ?? "";
    this.marks();
    this.tellRead();
    const chosen = this.memory.kept.unsent.some(({ payload }) => payload?.startsWith("language:"));
    if (this.texts && state.language !== this.texts.language && !chosen) await this.speak(state.language);
  }

  /** The person's own messages say whether an advisor has read them. */
  marks() {
    if (this.mode !== "advisor") return;
    for (const card of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".message.person[data-seq]"))) {
      const mark = card.querySelector(".mark") ?? card.appendChild(make("span", { className: "mark", ...this.cards?.own }));
      mark.textContent = Number(card.dataset.seq) <= this.readAtDesk ? this.s.read : this.s.delivered;
    }
  }

  /** What is shown on a page that is looked at is read. */
  tellRead() {
    if (this.mode === "advisor" && this.connection.seen && document.visibilityState === "visible" && !this.$("panel").hidden)
      this.connection.tell("read", { seq: this.connection.seen });
  }

  tellTyping() {
    if (this.mode !== "advisor" || Date.now() - this.typed < TYPING) return;
    this.typed = Date.now();
    this.connection.tell("typing");
  }

  /**
   * @param {string} text
   * @param {number} seconds
   */
  typing(text, seconds) {
    this.status(text);
    clearTimeout(this.ends);
    this.ends = setTimeout(() => { if (this.$("status").textContent === text) this.status(); }, seconds * 1000);
  }

  /** @param {boolean} online */
  online(online) {
    const shown = this.$("status").textContent;
    if (!online && shown !== this.s.offline) this.status(this.s.offline);
    else if (!online) return;
    else if (shown === this.s.offline) this.status(this.s.online);
  }

  /** @param {string} [text] */
  status(text = "") {
    this.$("status").textContent = text;
  }

  showTopics() {
    const cards = /** @type {Cards} */ (this.cards), texts = /** @type {Texts} */ (this.texts);
    const card = cards.empty("assistant", texts.language);
    card.append(cards.choices(texts.topics));
    this.$("log").append(card);
    card.scrollIntoView({ block: "end" });
    card.querySelector("button")?.focus();
  }

  /** @param {string} code */
  async choose(code) {
    this.memory.keep({ language: code });
    await this.speak(code);
    if (this.memory.kept.conversation) this.send({ payload: `language:${code}` });
    else this.$("language").focus();
  }

  /** Another tab opened, left or chose something. */
  async otherTab() {
    const { conversation, language } = this.memory.kept;
    if (language && language !== this.texts?.language) await this.speak(language);
    if (conversation?.id === this.connection.following && this.connection.stream) return;
    this.connection.stop();
    this.mode = "bot";
    this.welcome();
    this.start();
  }

  /**
   * Begin anew; `earlier` keeps the conversation that was for an advisor whom the person lets read it.
   * @param {boolean} [earlier]
   */
  restart(earlier = false) {
    if (this.mode === "waiting")  // nobody waits in a conversation that was left
      this.connection.tell("messages", { client_id: `leave-${Date.now()}`, payload: "queue:leave" });
    this.connection.forget(earlier);
    if (earlier) this.memory.keep({ unsent: [] });
    this.mode = "bot";
    this.$("place").textContent = "";
    this.status();
    this.welcome();
    this.closeMenu();
  }

  closeMenu() {
    this.$("menu").removeAttribute("open");
    this.field.focus();
  }

  /** The conversation as a text file, made on the device. */
  save() {
    const lines = [...this.root.querySelectorAll(".message")].map((card) =>
      `${card.querySelector(".author")?.textContent}\n${plain(/** @type {HTMLElement} */ (card))}`);
    const url = URL.createObjectURL(new Blob([lines.join("\n\n")], { type: "text/plain;charset=utf-8" }));
    make("a", { href: url, download: "neuvo.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    this.closeMenu();
  }

  share() {
    this.memory.share();
    this.closeMenu();
    this.status(this.s.shared_what);
  }

  /** Say first what it means. */
  askToForget() {
    this.closeMenu();
    const card = make("div", { className: "message system", role: "group", lang: this.texts?.language, tabIndex: -1 },
      make("p", { id: "forget-what", textContent: this.s.forget_what }),
      make("div", { className: "choices" }, button(this.s.forget_yes, () => this.erase(), { id: "forget-yes" }),
        button(this.s.cancel, () => { card.remove(); this.field.focus(); })));
    this.$("log").append(card);
    card.scrollIntoView({ block: "end" });
    card.focus();
  }

  async erase() {
    try {
      await this.connection.erase();
    } catch {
      return this.online(false);
    }
    this.restart();
    this.status(this.s.forgotten);
  }

  /** Leave at once, and wipe what is shown and kept. */
  leave() {
    this.left = true;
    this.memory.share();
    this.memory.keep({ conversation: null, earlier: null, unsent: [] });
    this.connection.stop();
    this.root.replaceChildren();
    window.speechSynthesis?.cancel();
    location.replace(this.getAttribute("exit") ?? NEUTRAL);
  }
}

if (!customElements.get("neuvo-chat")) customElements.define("neuvo-chat", NeuvoChat);

// The script's own data- attributes make the element; without them the page places one itself.
{
  const place = () => {
    if (document.querySelector("neuvo-chat")) return;
    const chat = document.createElement("neuvo-chat");
    for (const [name, value] of Object.entries(SCRIPT.dataset)) chat.setAttribute(name, value ?? "");
    document.body.append(chat);
  };
  if (document.readyState !== "loading") place();
  else addEventListener("DOMContentLoaded", place);
}
