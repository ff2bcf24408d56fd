// A message as a card.

/**
 * @typedef {{language: string, direction: string, strings: Record<string, string>, topics: Choice[], hours: string,
 *   languages: {code: string, name: string, direction: string, tier: string, greeting: string}[]}} Texts
 */
/**
 * @typedef {{send: (choice: Choice) => void, helpful: (seq: number, yes: boolean) => void, say: (text: string) => void}} Actions
 */

/** Warnings stand above an answer, everything else below it. */
const WARNINGS = ["language", "draft", "expired"];

class Cards {
  /**
   * @param {Texts} texts
   * @param {Actions} actions
   */
  constructor(texts, actions) {
    this.texts = texts;
    this.actions = actions;
  }

  /** @param {string} language */
  direction(language) {
    return this.texts.languages.find(({ code }) => code === language)?.direction ?? "auto";
  }

  /** What is said by the widget itself, inside a message of another language. */
  get own() {
    return { lang: this.texts.language, dir: this.texts.direction };
  }

  /**
   * @param {string} author
   * @param {string} language
   * @param {string} [type]
   * @param {string} [name]
   */
  empty(author, language, type = "", name = undefined) {
    const label = this.texts.strings[author === "person" ? "you" : author];
    return make("div", { className: `message ${author} ${type}`, lang: language, dir: this.direction(language) },
      make("span", { className: "author", textContent: name ? `${label} · ${name}` : label, ...this.own }));
  }

  /** @param {Choice[]} choices */
  choices(choices) {
    return make("div", { className: "choices" },
      ...choices.map((choice) => button(choice.label, () => this.actions.send(choice), { dir: "auto" })));
  }

  /** @param {Message} message */
  card(message) {
    const card = this.empty(message.author, message.language, message.type, message.name);
    if (message.type === "answer") this.answer(card, message);
    else if (message.type === "urgent") this.urgent(card, message);
    else card.append(make("p", { dir: message.author === "person" ? "auto" : card.dir },
      ...inline(message.text ?? "", this.texts.strings.map)));
    if (message.choices?.length) card.append(this.choices(message.choices));
    if (message.author !== "person" && message.type !== "urgent") card.append(this.tools(card, message));
    return card;
  }

  /** @param {{kind: string, text: string}[]} notes */
  notes(notes) {
    return notes.map(({ kind, text }) => make("p", { className: `note ${kind}`, textContent: text, ...this.own }));
  }

  /**
   * @param {HTMLElement} card
   * @param {Message} message
   */
  answer(card, message) {
    const s = this.texts.strings, notes = message.notes ?? [];
    const [first, ...rest] = paragraphs(message.blocks ?? [], s.map);
    const links = (message.links ?? []).map(({ url, title }) => make("li", {}, link(url, title)));
    const more = [...rest,
      ...this.notes(notes.filter(({ kind }) => !WARNINGS.includes(kind))),
      links.length && make("p", { className: "sources", textContent: s.sources, ...this.own }),
      links.length && make("ul", {}, ...links)];
    card.append(make("h2", { textContent: message.question ?? "" }),
      ...this.notes(notes.filter(({ kind }) => WARNINGS.includes(kind))), first,
      make("details", { className: "more" }, make("summary", { textContent: s.more, ...this.own }),
        .../** @type {Node[]} */ (more.filter(Boolean))));
    if (message.original) {
      const { language, question, blocks } = message.original;
      card.append(make("details", {}, make("summary", { textContent: s.original, ...this.own }),
        make("div", { lang: language, dir: "ltr" }, make("h2", { textContent: question }), ...paragraphs(blocks, s.map))));
    }
  }

  /**
   * @param {HTMLElement} card
   * @param {Message} message
   */
  urgent(card, message) {
    card.append(make("p", { textContent: message.text }), make("ul", {}, ...(message.lines ?? []).map((line) => make("li", {},
      make("a", { className: "number", href: `tel:${line.number.replaceAll(" ", "")}`, textContent: line.number }),
      ` ${[line.name, line.hours, line.languages].filter(Boolean).join(" · ")}`))));
  }

  /**
   * Was it helpful, read it aloud, print it, share it.
   * @param {HTMLElement} card
   * @param {Message} message
   */
  tools(card, message) {
    const s = this.texts.strings, tools = make("div", { className: "tools", ...this.own });
    if (message.type === "answer" && message.author === "assistant") {
      /** @param {boolean} yes */
      const tell = (yes) => {
        this.actions.helpful(message.seq, yes);
        asked.replaceWith(make("span", { role: "status", textContent: s.thanks }));
      };
      const asked = make("span", { role: "group", "aria-label": s.helpful }, `${s.helpful} `,
        button(s.yes, () => tell(true)), button(s.no, () => tell(false)));
      tools.append(asked);
    }
    const voice = () => speechSynthesis.getVoices().find(({ lang }) => lang.split(/[-_]/)[0] === message.language);
    if ("speechSynthesis" in window) {
      const read = button(s.read_aloud, () => {
        if (speechSynthesis.speaking) return speechSynthesis.cancel();
        const found = voice();
        if (!found) return this.actions.say(s.no_voice);
        const spoken = new SpeechSynthesisUtterance(plain(card));
        spoken.voice = found;
        spoken.lang = found.lang;
        read.textContent = s.stop_reading;
        spoken.onend = spoken.onerror = () => { read.textContent = s.read_aloud; };
        speechSynthesis.speak(spoken);
      });
      tools.append(read);
    }
    if (message.type === "answer")
      tools.append(button(s.print, () => printed(card, message.language)), button(s.share, () => this.share(card)));
    return tools;
  }

  /** @param {HTMLElement} card */
  async share(card) {
    const text = plain(card);
    try {
      if (navigator.share) return await navigator.share({ text });
      await navigator.clipboard.writeText(text);
      this.actions.say(this.texts.strings.copied);
    } catch {
      // the person changed their mind
    }
  }
}

/**
 * What a card says, without its buttons.
 * @param {HTMLElement} card
 */
function plain(card) {
  const copy = /** @type {HTMLElement} */ (card.cloneNode(true));
  for (const part of copy.querySelectorAll(".tools, .choices, .author, summary, details:not(.more)")) part.remove();
  for (const part of copy.querySelectorAll("a[href^='https']")) part.append(` ${/** @type {HTMLAnchorElement} */ (part).href}`);
  return [...copy.querySelectorAll("h2, p, li")].map((part) => part.textContent?.trim()).filter(Boolean).join("\n");
}

/**
 * Print one card, and nothing of the page around it.
 * @param {HTMLElement} card
 * @param {string} language
 */
function printed(card, language) {
  const sheet = window.open("", "", "width=700,height=800");
  if (!sheet) return;
  sheet.document.documentElement.lang = language;
  sheet.document.documentElement.dir = card.dir;
  for (const line of plain(card).split("\n")) sheet.document.body.append(make("p", { textContent: line }));
  sheet.print();
  sheet.close();
}
