// What is kept on the device: the conversation's id, token and language, the token of the one before it, and the messages that
// the server has not acknowledged yet. Nothing else, and on a shared phone nothing at all.

/** @typedef {{id: string, token: string}} Opened */
/** @typedef {{client_id: string, text?: string, payload?: string, label?: string}} Unsent */
/** @typedef {{conversation: Opened | null, earlier: Opened | null, language: string | null, unsent: Unsent[]}} Kept */

const KEY = "neuvo";

class Memory {
  constructor() {
    this.shared = false;
    /** @type {Kept} */
    this.kept = this.read();
    /** Called when another tab changed what is kept. */
    this.changed = () => {};
    addEventListener("storage", (event) => {
      if (event.key !== KEY || this.shared) return;
      this.kept = this.read();
      this.changed();
    });
  }

  /** @returns {Kept} */
  read() {
    const nothing = { conversation: null, earlier: null, language: null, unsent: [] };
    try {
      return { ...nothing, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
    } catch {
      return nothing;  // storage that is forbidden or full: the conversation lives as long as the page
    }
  }

  /** @param {Partial<Kept>} changes */
  keep(changes) {
    Object.assign(this.kept, changes);
    if (this.shared) return;
    const { conversation, earlier, language, unsent } = this.kept;
    if (!conversation && !earlier && !language && !unsent.length) return this.wipe();
    try {
      localStorage.setItem(KEY, JSON.stringify(this.kept));
    } catch {
      // see above
    }
  }

  /** Keep nothing on this device from now on, whatever is still under way. */
  share() {
    this.shared = true;
    this.wipe();
  }

  wipe() {
    try {
      localStorage.removeItem(KEY);
    } catch {
      // there was nothing
    }
  }
}
