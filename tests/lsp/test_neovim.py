"""A session in a real Neovim, headless: what a user who follows `docs/editors.md` gets."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SESSION = """
local out = {}
local function finish()
  local file = io.open(os.getenv("RESULT"), "w")
  file:write(vim.fn.json_encode(out))
  file:close()
  vim.cmd("qa!")
end
local function ask(method, params)
  local answers = vim.lsp.buf_request_sync(0, method, params, 60000)
  for _, answer in pairs(answers or {}) do
    if answer.error then error(method .. ": " .. vim.inspect(answer.error)) end
    return answer.result
  end
end
local function at(line, character)
  return { textDocument = vim.lsp.util.make_text_document_params(), position = { line = line, character = character } }
end

local ok, problem = pcall(function()
  local client = vim.lsp.start_client({
    name = "geppetto",
    cmd = { os.getenv("PYTHON"), "-c", os.getenv("SERVER") },
    root_dir = vim.fn.getcwd(),
  })
  vim.cmd("edit talk.geppetto.js")
  vim.lsp.buf_attach_client(0, client)
  local function messages()
    local found = {}
    for _, diagnostic in ipairs(vim.diagnostic.get(0)) do
      if diagnostic.severity == vim.diagnostic.severity.ERROR then table.insert(found, diagnostic.message) end
    end
    return found
  end
  vim.wait(60000, function() return #messages() == 1 end, 20)
  out.before = messages()
  out.hover = ask("textDocument/hover", at(1, 16)).contents.value
  local labels = {}
  local completion = ask("textDocument/completion", at(1, 13))
  for _, item in ipairs(completion.items or completion) do labels[item.label] = true end
  out.completes = labels.addMessage or false
  out.definition = #ask("textDocument/definition", at(1, 16))
  -- Typing: the diagnostics follow. An emoji before the place, since Neovim counts bytes.
  vim.api.nvim_buf_set_lines(0, 2, 3, false, { '"😀"; missing;', 'missing;' })
  vim.wait(60000, function() return #messages() == 2 end, 20)
  out.after = messages()
  out.column = vim.diagnostic.get(0, { lnum = 2, severity = vim.diagnostic.severity.ERROR })[1].col
  vim.api.nvim_win_set_cursor(0, { 1, 7 })
  vim.lsp.buf.rename("chat")
  vim.wait(60000, function() return vim.api.nvim_buf_get_lines(0, 1, 2, false)[1]:find("chat", 1, true) ~= nil end, 20)
  out.renamed = vim.api.nvim_buf_get_lines(0, 0, 2, false)
  if vim.lsp.buf.format then vim.lsp.buf.format({ timeout_ms = 10000 }) else vim.lsp.buf.formatting_sync(nil, 10000) end
  out.formatted = vim.api.nvim_buf_get_lines(0, 4, 5, false)
  -- Running it: lenses, progress and the log, with nothing but the standard protocol.
  local lenses = function()
    local titles = {}
    for _, lens in ipairs(ask("textDocument/codeLens", { textDocument = vim.lsp.util.make_text_document_params() })) do
      table.insert(titles, lens.command.title)
    end
    return titles
  end
  out.progress, out.log = {}, {}
  local handlers = vim.lsp.handlers
  local shown = handlers["$/progress"]
  handlers["$/progress"] = function(problem, result, ...)
    table.insert(out.progress, { result.token, result.value.kind })
    return shown(problem, result, ...)
  end
  handlers["window/logMessage"] = function(_, result) table.insert(out.log, result.message) end
  vim.cmd("edit stream.geppetto.js")
  vim.lsp.buf_attach_client(0, client)
  -- Unsaved: what is in the editor runs.
  vim.api.nvim_buf_set_lines(0, 0, 1, false, { 'console.log("from the editor");' })
  out.idle = lenses()
  local script = vim.uri_from_bufnr(0)
  local function command(name) return ask("workspace/executeCommand", { command = name, arguments = { script } }) end
  local function logged(text)
    return #vim.tbl_filter(function(message) return message:find(text, 1, true) ~= nil end, out.log)
  end
  command("geppetto.run")
  command("geppetto.run")
  vim.wait(60000, function() return logged("from the editor") == 2 and logged("two") == 2 end, 20)
  out.running = lenses()
  out.cancelled = command("geppetto.cancel").cancelled
  local function ended()
    return #vim.tbl_filter(function(told) return told[2] == "end" end, out.progress) == 2 and logged("cancelled after") == 2
  end
  out.ended = vim.wait(60000, ended, 20)
  vim.lsp.stop_client(client)
  out.stopped = vim.wait(60000, function() return vim.lsp.get_client_by_id(client) == nil end, 20)
end)
if not ok then out.problem = tostring(problem) end
finish()
"""

SCRIPT = """\
const conversation = new Conversation();
conversation.addMessage("user", "hi");
missing;
if (true) {   done( ) }
"""


STREAM = """\
console.log("from the file");
for await (const event of echoStep.startStream("one two three")) if (event.type === "partial") console.log(event.delta);
setInterval(() => {}, 1000);
"""


async def test_a_session(workspace: Path, tmp_path: Path) -> None:
    neovim = shutil.which("nvim")
    if neovim is None:
        pytest.skip("Neovim is not installed")
    (workspace / "talk.geppetto.js").write_text(SCRIPT, "utf-8")
    (workspace / "stream.geppetto.js").write_text(STREAM, "utf-8")
    (tmp_path / "session.lua").write_text(SESSION, "utf-8")
    (tmp_path / "home").mkdir()
    result = tmp_path / "result.json"
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home"),
        "GEPPETTO_STATE_DIR": str(tmp_path / "home"),
        "RESULT": str(result),
        "PYTHON": sys.executable,
        "SERVER": "from geppetto.lsp.main import serve_stdio; raise SystemExit(serve_stdio())",
    }
    process = await asyncio.create_subprocess_exec(
        neovim,
        "--clean",
        "--headless",
        "-c",
        f"luafile {tmp_path / 'session.lua'}",
        cwd=workspace,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 240)
    finally:
        if process.returncode is None:
            process.kill()
    assert result.exists(), output.decode("utf-8", "replace")
    got = json.loads(result.read_text("utf-8"))
    assert "problem" not in got, got
    assert got["before"] == ["Cannot find name 'missing'."]
    assert "addMessage" in got["hover"] and got["completes"] and got["definition"] == 1
    assert got["after"] == ["Cannot find name 'missing'."] * 2
    assert got["column"] == 8, "bytes of the line: quote, emoji, quote, semicolon, space"
    assert got["renamed"] == ["const chat = new Conversation();", 'chat.addMessage("user", "hi");']
    assert got["formatted"] == ["if (true) { done() }"]
    assert got["idle"] == ["Run"] and got["running"] == ["Run", "Cancel 2 runs", "Show output"]
    assert got["cancelled"] == 2 and got["ended"], got
    tokens = {token for token, _ in got["progress"]}
    assert len(tokens) == 2
    for token in tokens:
        kinds = [kind for of, kind in got["progress"] if of == token]
        assert kinds[0] == "begin" and kinds[-1] == "end" and set(kinds[1:-1]) <= {"report"}
    assert got["stopped"]
    for log in (tmp_path / "home").rglob("lsp.log"):
        assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")
