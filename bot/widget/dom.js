// Making elements, and turning what was said into them. Nothing here is ever read as HTML.

/**
 * An element with properties and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties] attributes where the name has a dash, otherwise properties
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else if (value !== undefined) /** @type {any} */ (made)[name] = value;
  made.append(.../** @type {(Node | string)[]} */ (children.filter(Boolean)));
  return made;
}

/**
 * @param {string} label
 * @param {() => void} press
 * @param {Record<string, any>} [properties]
 */
function button(label, press, properties = {}) {
  const made = make("button", { type: "button", textContent: label, ...properties });
  made.addEventListener("click", press);
  return made;
}

/**
 * A link to another site, which says where it goes.
 * @param {string} url
 * @param {string} title
 */
function link(url, title) {
  let host;
  try {
    host = url.startsWith("https://") && new URL(url).hostname.replace(/^www\./, "");
  } catch {
    // a link that was cut short
  }
  if (!host) return make("span", { textContent: title });
  return make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, title,
    title.includes(host) ? null : make("span", { className: "where", dir: "ltr", textContent: ` ${host}` }));
}

/** Bold text, addresses on the web, and street addresses in Finland. */
const MARKS = /\*\*([^*\n]+)\*\*|(https:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?])|(\p{Lu}[\p{L}-]+(?:katu|tie|kuja|väylä|aukio|polku|ranta|kaari|tori|gatan|vägen)\s\d+\s?[A-Z]?(?:,\s(?:0\d{4}\s)?(?:Espoo|Esbo|Helsinki|Helsingfors|Vantaa|Vanda))?)/gu;

/**
 * Light Markdown: bold, links, addresses that open a map.
 * @param {string} text
 * @param {string} map what the link to a map is called
 * @returns {(Node | string)[]}
 */
function inline(text, map) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(MARKS)) {
    const [all, bold, url, address] = found;
    const start = found.index ?? 0;
    parts.push(text.slice(end, start));
    if (bold) parts.push(make("strong", { textContent: bold }));
    else if (url) parts.push(link(url, url));
    else {
      const query = encodeURIComponent(/Espoo|Esbo|Helsin|Vanta|Vanda/.test(address) ? address : `${address}, Espoo`);
      parts.push(make("a", { href: `https://www.openstreetmap.org/search?query=${query}`, target: "_blank",
        rel: "noopener noreferrer", title: map }, all));
    }
    end = start + all.length;
  }
  return [...parts, text.slice(end)].filter((part) => part !== "");
}

/**
 * Paragraphs and lists.
 * @param {(string | string[])[]} blocks
 * @param {string} map
 */
function paragraphs(blocks, map) {
  return blocks.map((block) => typeof block === "string"
    ? make("p", {}, ...inline(block, map))
    : make("ul", {}, ...block.map((point) => make("li", {}, ...inline(point, map)))));
}
