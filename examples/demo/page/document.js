// The document as the server wrote it, indented. It is taken as text: a number keeps
// the digits that were recorded, which JSON.parse would lose.

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

// withActive replaces the active object, which stands last in the document.
export function withActive(text, active) {
  return text.slice(0, text.indexOf(',"active":')) + ',"active":' + active + "}";
}

// parse reads JSON. Amounts stay text where the browser can tell their digits.
export function parse(text) {
  return JSON.parse(text, (key, value, context) =>
    key === "lastBidAmount" && value !== null ? (context?.source ?? String(value)) : value);
}

// outline returns the indented document as nodes.
export function outline(text) {
  const fragment = document.createDocumentFragment();
  const all = text.match(tokens) ?? [];
  let depth = 0;
  const line = () => fragment.append("\n" + "  ".repeat(depth));
  all.forEach((token, i) => {
    switch (token) {
      case "{":
      case "[":
        fragment.append(token);
        depth++;
        if (all[i + 1] !== "}" && all[i + 1] !== "]") line();
        break;
      case "}":
      case "]":
        depth--;
        if (all[i - 1] !== "{" && all[i - 1] !== "[") line();
        fragment.append(token);
        break;
      case ",":
        fragment.append(token);
        line();
        break;
      case ":":
        fragment.append(": ");
        break;
      default:
        fragment.append(colored(token, all[i + 1] === ":"));
    }
  });
  return fragment;
}

function colored(token, isKey) {
  const span = document.createElement("span");
  span.className = isKey ? "key" : token.startsWith('"') ? "text" : "literal";
  span.textContent = token;
  return span;
}
