// The conversation with the server. A message is kept until the server acknowledges it and sent again with the same client id;
// the stream resumes after the last message seen; where a network holds streams back, the same comes by long poll.

/** @typedef {{label: string, payload: string}} Choice */
/**
 * @typedef {{seq: number, author: "person" | "assistant" | "advisor" | "system", type: string, language: string, text?: string,
 *   name?: string, client_id?: string, choices?: Choice[], question?: string, id?: string, blocks?: (string | string[])[],
 *   links?: {url: string, title: string}[], notes?: {kind: string, text: string}[],
 *   original?: {language: string, question: string, blocks: (string | string[])[]} | null,
 *   lines?: {name: string, number: string, hours?: string, languages?: string}[],
 *   input?: {type: string, error: string | null}, time: string}} Message
 */
/** @typedef {{mode: string, language: string, place: number | null, waiting: string | null, read: number, hours: {text: string}}} State */
/**
 * @typedef {{message: (message: Message) => void, state: (state: State) => Promise<void>, typing: (text: string, seconds: number) => void,
 *   online: (online: boolean) => void, refused: (status: number, message: Unsent) => void, ended: () => void}} Listener
 */

const PATIENCE = 8000;  // milliseconds until a stream that says nothing is taken for one that is held back
const AGAIN = 2000;  // milliseconds between two attempts
const WAIT = 25;  // seconds of a long poll
const SILENCE = 40_000;  // milliseconds without even a sign of life (the server gives one every 15 s) until a stream is taken for dead

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((done) => {
  const timer = setTimeout(done, milliseconds);
  addEventListener("online", () => { clearTimeout(timer); done(undefined); }, { once: true });
});

class Connection {
  /**
   * @param {string} server the address of the service
   * @param {Memory} memory
   * @param {Listener} listener
   */
  constructor(server, memory, listener) {
    this.server = server;
    this.memory = memory;
    this.listener = listener;
    this.seen = 0;
    this.sending = false;
    this.polling = false;
    /** @type {AbortController | null} */
    this.stream = null;
    /** The conversation that the stream is of. @type {string | undefined} */
    this.following = undefined;
    /** What was begun before this changed is over, and must not write anything any more. */
    this.generation = 0;
  }

  /**
   * @param {string} path
   * @param {Omit<RequestInit, "headers"> & {headers?: Record<string, string>}} [options]
   */
  fetch(path, options = {}) {
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/json", ...options.headers };
    const opened = this.memory.kept.conversation;
    if (opened) headers.Authorization ??= `Bearer ${opened.token}`;
    return fetch(`${this.server}/api${path}`, { ...options, headers, credentials: "omit" });
  }

  /** The path of the conversation. */
  get path() {
    return `/conversations/${this.memory.kept.conversation?.id}`;
  }

  /**
   * @param {string} language
   * @param {boolean} chosen by the person, not by the page
   */
  async open(language, chosen) {
    const generation = this.generation, earlier = this.memory.kept.earlier?.token;
    const response = await this.fetch("/conversations", { method: "POST", body: JSON.stringify({ language, chosen, earlier }) });
    if (response.status === 422) this.memory.keep({ earlier: null });  // that conversation is no more
    if (!response.ok) throw new Error(String(response.status));
    const conversation = await response.json();
    if (generation !== this.generation) throw new Error("left meanwhile");
    this.memory.keep({ conversation });
    this.listen();
  }

  /**
   * Keep a message and send it as soon as that is possible.
   * @param {{text?: string, payload?: string, label?: string}} content
   * @param {string} language of the page, for a conversation that is not open yet
   * @param {boolean} chosen
   */
  send(content, language, chosen) {
    const client_id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    this.memory.keep({ unsent: [...this.memory.kept.unsent, { client_id, ...content }] });
    this.flush(language, chosen);
    return client_id;
  }

  /**
   * @param {string} language
   * @param {boolean} chosen
   */
  async flush(language, chosen) {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let next; (next = this.memory.kept.unsent[0]);) {
        const generation = this.generation;
        try {
          if (!this.memory.kept.conversation) await this.open(this.memory.kept.language ?? language, chosen || this.memory.kept.language !== null);
          const { label, ...body } = next;
          const response = await this.fetch(`${this.path}/messages`, { method: "POST", body: JSON.stringify(body) });
          if (generation !== this.generation) continue;
          if (response.status === 401 || response.status === 404) {
            this.forget();
            continue;
          }
          if (response.status >= 500 || response.status === 429) throw new Error(String(response.status));
          if (!response.ok) this.listener.refused(response.status, next);
          this.acknowledged(next.client_id);
          this.listener.online(true);
        } catch {
          if (generation !== this.generation) continue;
          this.listener.online(false);
          await pause(AGAIN);
        }
      }
    } finally {
      this.sending = false;
    }
  }

  /** @param {string} client_id */
  acknowledged(client_id) {
    this.memory.keep({ unsent: this.memory.kept.unsent.filter((message) => message.client_id !== client_id) });
  }

  /** Leave the conversation; with `earlier` it may be named in the next one. */
  forget(earlier = false) {
    this.stop();
    this.memory.keep({ conversation: null, earlier: earlier ? this.memory.kept.conversation : null });
  }

  /** Follow nothing any more; what is kept stays as it is. */
  stop() {
    this.generation += 1;
    this.stream?.abort();
    this.stream = null;
    this.seen = 0;
  }

  /** Erase the conversation on the server. */
  async erase() {
    const { conversation, earlier } = this.memory.kept;
    this.stop();
    this.memory.keep({ unsent: [] });
    for (const opened of [conversation, earlier]) {
      if (!opened) continue;
      const headers = { Authorization: `Bearer ${opened.token}` };
      const response = await this.fetch(`/conversations/${opened.id}`, { method: "DELETE", headers });
      if (!response.ok && response.status !== 401 && response.status !== 404) throw new Error(String(response.status));
    }
    this.forget();
    this.memory.wipe();
  }

  /**
   * @param {string} path
   * @param {object} [body] something that may get lost
   */
  tell(path, body) {
    if (this.memory.kept.conversation)
      this.fetch(`${this.path}/${path}`, { method: "POST", body: body && JSON.stringify(body) }).catch(() => {});
  }

  /** Follow the conversation until it is left. */
  async listen() {
    this.stream?.abort();
    const { signal } = (this.stream = new AbortController());
    this.following = this.memory.kept.conversation?.id;
    while (this.memory.kept.conversation && !signal.aborted) {
      const polled = this.polling;
      try {
        const going = await (this.polling ? this.poll(signal) : this.follow(signal));
        if (!going) {
          this.forget();
          return this.listener.ended();
        }
      } catch {
        if (signal.aborted) return;
        if (this.polling && !polled) continue;  // the stream is held back
        this.listener.online(false);
        await pause(AGAIN);
      }
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>} false when the conversation is no more
   */
  async follow(signal) {
    const own = new AbortController();
    const abort = () => own.abort();
    signal.addEventListener("abort", abort);
    let held = setTimeout(() => { this.polling = true; abort(); }, PATIENCE);
    try {
      /** @type {Record<string, string>} */
      const headers = this.seen ? { "Last-Event-ID": String(this.seen) } : {};
      const response = await this.fetch(`${this.path}/events`, { headers, signal: own.signal });
      if (response.status === 401 || response.status === 404) return false;
      if (!response.ok || !response.body) throw new Error(String(response.status));
      const reader = response.body.getReader(), decoder = new TextDecoder();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(held);
        held = setTimeout(abort, SILENCE);
        this.listener.online(true);
        const events = (rest + decoder.decode(part.value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
        rest = /** @type {string} */ (events.pop());
        for (const event of events) await this.event(event);
      }
      throw new Error("the stream ended");
    } finally {
      clearTimeout(held);
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>}
   */
  async poll(signal) {
    const own = new AbortController(), abort = () => own.abort(), late = setTimeout(abort, (WAIT + 10) * 1000);
    signal.addEventListener("abort", abort);
    const response = await this.fetch(`${this.path}/messages?after=${this.seen}&wait=${WAIT}`, { signal: own.signal })
      .finally(() => { clearTimeout(late); signal.removeEventListener("abort", abort); });
    if (response.status === 401 || response.status === 404) return false;
    if (!response.ok) throw new Error(String(response.status));
    const { state, messages } = await response.json();
    this.listener.online(true);
    await this.listener.state(state);
    for (const message of messages) this.message(message);
    return true;
  }

  /** @param {string} event as it stands in the stream */
  async event(event) {
    const lines = event.split("\n");
    const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
    const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
    if (!data) return;
    const body = JSON.parse(data);
    if (name === "message") this.message(body);
    else if (name === "state") await this.listener.state(body);  // the words of its language come before what is said in it
    else if (name === "typing") this.listener.typing(body.text, body.seconds);
  }

  /** @param {Message} message */
  message(message) {
    if (message.seq <= this.seen) return;
    this.seen = message.seq;
    if (message.client_id) this.acknowledged(message.client_id);
    this.listener.message(message);
  }
}
