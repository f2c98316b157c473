// What the page does by itself. Requests and the event stream are htmx's; what the events say is applied here:
// each carries HTML that the server made safe, or plain text.

const $ = (id) => document.getElementById(id);
const thread = $("thread");
const scroller = $("scroller");
const composer = $("composer");
const message = $("message");
const chat = thread?.dataset.chat;

// --- the thread

const events = {
  turn({ turn, html }) {
    const old = $(`t-${turn}`);
    if (old) old.outerHTML = html;
    else thread.insertAdjacentHTML("beforeend", html);
    if ($(`t-${turn}`).dataset.status === "streaming") busy(true);
    else pinned = true; // a question: whoever asked wants to see the answer
  },
  block({ turn, n, html, done }) {
    const block = blockOf(turn, n);
    const wasOpen = block.querySelector(":scope > details")?.open;
    block.innerHTML = html;
    if (wasOpen) block.querySelector(":scope > details").open = true;
    if (done) say(block);
  },
  tail({ turn, n, text }) {
    endOf(blockOf(turn, n)).append(text);
  },
  note({ turn, text }) {
    $(`n-${turn}`).textContent = text;
    announce(text);
  },
  end({ turn, html, said }) {
    const article = $(`t-${turn}`);
    article.dataset.status = "done";
    $(`f-${turn}`).innerHTML = html;
    busy(false);
    announce(said);
    refreshList();
  },
  thread({ html, busy: isBusy }) {
    const edits = [...thread.querySelectorAll("form.edit")];
    const focused = document.activeElement;
    thread.innerHTML = html;
    // What is being written stays, as long as the message is there that it is another version of.
    for (const form of edits) {
      const article = $(`t-${form.dataset.turn}`);
      if (article) openEdit(article, form);
    }
    if (focused.closest("form.edit")) (focused.isConnected ? focused : message).focus();
    busy(isBusy);
  },
  title({ title }) {
    $("title").textContent = title;
    document.title = `${title} · Geppetto`;
    refreshList();
  },
  gone() {
    location.assign("/");
  },
};

for (const [name, apply] of Object.entries(events)) {
  thread?.addEventListener(name, (event) => {
    if (event.target !== thread) return;
    apply(JSON.parse(event.detail.data));
    if (pinned) toEnd();
  });
}

function blockOf(turn, n) {
  const body = $(`b-${turn}`);
  for (let count = body.children.length; count <= n; count++) {
    const block = document.createElement("div");
    block.className = "block";
    block.dataset.n = count;
    body.append(block);
  }
  return body.children[n];
}

/** Where a text that goes on belongs: into the last paragraph, item, cell or code. */
function endOf(block) {
  let at = block;
  for (;;) {
    const last = at.lastElementChild;
    if (!last || !last.matches("p, pre, code, ul, ol, li, blockquote, h1, h2, h3, h4, h5, h6, .code, .table, table, tbody, tr, td"))
      return at;
    at = last;
  }
}

function busy(is) {
  thread.dataset.busy = is ? "yes" : "no";
  if (is) announce("Answering…");
}

function refreshList() {
  window.htmx.trigger(document.body, "conversations-changed");
}

// --- what a screen reader says: finished paragraphs, not every word

function announce(text) {
  if (!text) return;
  const line = document.createElement("p");
  line.textContent = text;
  const said = $("said");
  said.append(line);
  while (said.children.length > 12) said.firstElementChild.remove();
}

function say(block) {
  const code = block.querySelector(".code-head span");
  const tool = block.querySelector(".tool-name");
  if (tool) announce(`Tool call: ${tool.textContent}`);
  else if (code) announce(`Code, ${code.textContent}, ${block.innerText.trimEnd().split("\n").length - 1} lines`);
  else announce(block.innerText.trim());
}

// --- scrolling: the end stays in view, unless the reader went away from it

let pinned = true;

function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
}

function followScroll() {
  const away = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  pinned = away < 64;
  $("to-end").hidden = !thread || away < 240;
}

scroller.addEventListener("scroll", followScroll, { passive: true });
new ResizeObserver(() => pinned && toEnd()).observe(scroller);
$("to-end").addEventListener("click", () => {
  pinned = true;
  toEnd();
});
if (thread) toEnd();

// --- the message box

const fits = CSS.supports("field-sizing", "content");
const coarse = matchMedia("(pointer: coarse)");

function fit() {
  if (fits) return;
  message.style.height = "auto";
  message.style.height = `${message.scrollHeight}px`;
}

message.addEventListener("input", fit);
message.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !coarse.matches) {
    event.preventDefault();
    if (message.value.trim()) composer.requestSubmit();
  } else if (event.key === "ArrowUp" && !message.value && thread) {
    const mine = [...thread.querySelectorAll(".turn.user [data-edit]")].at(-1);
    if (mine) {
      event.preventDefault();
      mine.click();
    }
  }
});

let sent = "";

composer.addEventListener("htmx:before:request", (event) => {
  if (event.target !== composer) return;
  if (!message.value.trim() || thread?.dataset.busy === "yes") event.preventDefault();
  else sent = message.value;
});
composer.addEventListener("htmx:after:request", (event) => {
  if (event.target !== composer || event.detail.ctx.response.status >= 400) return;
  // What was written meanwhile stays.
  message.value = message.value.startsWith(sent) ? message.value.slice(sent.length) : message.value;
  fit();
  pinned = true;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing && !document.querySelector("dialog[open]")) {
    if (document.body.classList.contains("side-open")) side(false);
    else if (thread?.dataset.busy === "yes") composer.querySelector(".stop").click();
  } else if (event.key === "/" && !event.target.closest("input, textarea, select") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    message.focus();
  }
});

// --- buttons

function post(path, values) {
  const profile = composer.elements.profile?.value ?? "";
  return window.htmx.ajax("POST", `/c/${chat}/${path}`, {
    source: thread.parentElement,
    swap: "none",
    values: { profile, ...values },
  });
}

const buttons = {
  "[data-side]": () => side(!document.body.classList.contains("side-open")),
  "[data-theme-next]": nextTheme,
  "[data-idea]": (button) => {
    message.value = button.textContent;
    composer.requestSubmit();
  },
  "[data-copy]": (button) => copy(button, button.closest(".code").querySelector("pre").textContent),
  "[data-copy-turn]": async (button) => {
    const turn = turnOf(button);
    const answer = await fetch(`/c/${chat}/text?turn=${turn}`);
    if (answer.ok) await copy(button, await answer.text());
    else toast(await answer.text());
  },
  "[data-retry]": (button) => post("retry", { turn: turnOf(button) }),
  "[data-show]": (button) => post("show", { turn: button.dataset.show }),
  "[data-edit]": edit,
  "[data-rename]": () => rename(true),
  "[data-delete]": (button) => {
    const dialog = $("confirm");
    dialog.returnValue = "no";
    dialog.onclose = () => {
      if (dialog.returnValue === "yes") window.htmx.ajax("DELETE", button.dataset.delete, { source: scroller, swap: "none" });
    };
    dialog.showModal();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, .scrim");
  if (!button) return;
  for (const [selector, act] of Object.entries(buttons)) {
    if (button.matches(selector)) act(button);
  }
});

function turnOf(element) {
  return element.closest("[data-turn]").dataset.turn;
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS a page may not use the clipboard by that name.
    const box = document.createElement("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  button.classList.add("copied");
  announce("Copied.");
  setTimeout(() => button.classList.remove("copied"), 1500);
}

function edit(button) {
  const article = button.closest(".turn");
  if (article.querySelector("form.edit")) return;
  const form = document.createElement("form");
  form.className = "edit";
  form.dataset.turn = turnOf(article);
  const box = document.createElement("textarea");
  box.value = article.querySelector(".bubble").textContent;
  box.setAttribute("aria-label", "Your message");
  const cancel = document.createElement("button");
  const save = document.createElement("button");
  Object.assign(cancel, { type: "button", className: "button", textContent: "Cancel" });
  Object.assign(save, { className: "button primary", textContent: "Ask again" });
  const row = document.createElement("div");
  row.className = "dialog-buttons";
  row.append(cancel, save);
  form.append(box, row);
  const close = () => {
    form.closest(".turn").classList.remove("editing");
    form.remove();
    message.focus();
  };
  cancel.addEventListener("click", close);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !coarse.matches) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!box.value.trim()) return;
    pinned = true;
    // It goes with the message, when the server has taken the new one.
    post("edit", { turn: turnOf(form), text: box.value });
  });
  openEdit(article, form);
  box.focus();
}

function openEdit(article, form) {
  article.querySelector(".bubble").after(form);
  article.classList.add("editing");
}

function rename(on) {
  const form = $("rename");
  form.hidden = !on;
  $("title").hidden = on;
  if (!on) return;
  form.elements.title.value = $("title").textContent;
  form.elements.title.select();
}

$("rename")?.addEventListener("htmx:after:request", () => rename(false));
$("rename")?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  rename(false);
});

function side(open) {
  document.body.classList.toggle("side-open", open);
  for (const button of document.querySelectorAll("[data-side][aria-expanded]")) button.setAttribute("aria-expanded", open);
  if (open) $("side").querySelector("a, button").focus();
}

// --- theme

function nextTheme() {
  const root = document.documentElement;
  const next = { undefined: "light", light: "dark", dark: undefined }[root.dataset.theme];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  try {
    if (next) localStorage.setItem("theme", next);
    else localStorage.removeItem("theme");
  } catch {
    // It holds for this page, then.
  }
  nameTheme();
}

function nameTheme() {
  const name = { light: "Light", dark: "Dark" }[document.documentElement.dataset.theme] ?? "As the system";
  document.querySelector("[data-theme-name]").textContent = `Theme: ${name}`;
}

nameTheme();

// --- what goes wrong

let toastTimer;

function toast(text, stays = false) {
  clearTimeout(toastTimer);
  $("toast").textContent = text;
  if (text && !stays) toastTimer = setTimeout(() => toast(""), 6000);
}

document.addEventListener("htmx:response:error", (event) => {
  const { response, text } = event.detail.ctx;
  if (response.status === 401) location.reload();
  else if (event.target === thread) location.assign("/");
  else toast(text || `The server answered ${response.status}.`);
});

document.addEventListener("htmx:error", (event) => {
  if (event.target === thread) setTimeout(() => location.reload(), 2000);
  else toast("The server cannot be reached.");
});

let lost = false;

thread?.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 401) location.reload();
  else if (event.detail.status === 404) location.assign("/");
  else if (!document.hidden) {
    lost = true;
    toast("Connection lost, trying again…", true);
  }
});
thread?.addEventListener("htmx:sse:after:connection", () => {
  if (lost) toast("");
  lost = false;
  document.documentElement.dataset.live = "yes";
});
