"""A session in a real Emacs with eglot, by the recipe in `docs/editors.md`."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SESSION = r"""
(require 'cl-lib)
(require 'json)
(setq result nil)
(defun told (name value) (push (cons name value) result))
(defun wait-for (what &optional seconds)
  (let ((end (+ (float-time) (or seconds 60))))
    (while (and (not (funcall what)) (< (float-time) end)) (accept-process-output nil 0.05))
    (or (funcall what) (error "Waited in vain for %S: %S, %S" what (problems) (buffer-list)))))
(defun problems () (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))
(defun wait-for-problems (count)
  (wait-for (lambda () (or (= count (length (problems))) (progn (flymake-start) nil))))) ; whatever flymake missed
(defun complete-at (text)
  (search-forward text)
  (pcase-let ((`(,from ,to ,table . ,_) (eglot-completion-at-point)))
    (let ((items (all-completions (buffer-substring-no-properties from to) table)))
      (mapcar #'substring-no-properties items))))
(defun visit (name)
  (find-file name)
  (run-hooks 'post-command-hook) ; which is when eglot-ensure connects; a batch has no commands
  (wait-for #'eglot-current-server)
  (flymake-start))

(condition-case problem
    (progn
      (unless (require 'eglot nil t) (kill-emacs 77))
      (load (getenv "RECIPE") nil t)
      (setq eglot-sync-connect 60 eglot-autoshutdown nil)
      (visit "talk.geppetto.js")
      (told 'mode (symbol-name major-mode))
      (wait-for-problems 2)
      (told 'problems (sort (problems) #'string<))
      (goto-char (point-min))
      (told 'members (complete-at "conversation."))
      (goto-char (point-min))
      (told 'models (complete-at "model: \""))
      (goto-char (point-min))
      (search-forward "add")
      (let (hover)
        (eglot-hover-eldoc-function (lambda (text &rest _) (setq hover (substring-no-properties text))))
        (wait-for (lambda () hover))
        (told 'hover hover))
      ;; Typing: the diagnostics follow, behind an emoji too.
      (goto-char (point-max))
      (insert "\"😀\"; missing;\n")
      (run-hooks 'post-command-hook)
      (eglot--signal-textDocument/didChange)
      (wait-for-problems 3)
      (told 'column
            (apply #'max (mapcar (lambda (each) (save-excursion (goto-char (flymake-diagnostic-beg each)) (current-column)))
                                 (flymake-diagnostics (line-beginning-position 0) (point-max)))))
      (goto-char (+ (point-min) 8))
      (eglot-rename "chat")
      (told 'first (buffer-substring-no-properties (point-min) (progn (goto-char (point-min)) (line-end-position))))
      (set-buffer-modified-p nil)
      ;; Runs what is in the buffer.
      (visit "run.geppetto.js")
      (goto-char (point-min))
      (insert "console.log('from the buffer');\n")
      (defun printed () (if (get-buffer "*geppetto*") (with-current-buffer "*geppetto*" (buffer-string)) ""))
      (geppetto-run)
      (wait-for (lambda () (string-match-p "one two three" (printed))))
      (geppetto-cancel)
      (wait-for (lambda () (string-match-p "cancelled" (printed))))
      (told 'printed (printed))
      (set-buffer-modified-p nil)
      (eglot-shutdown (eglot-current-server))
      (told 'gone (null (eglot-current-server))))
  (error (told 'problem (format "%S" problem))))
(with-temp-file (getenv "RESULT") (insert (json-encode result)))
"""

SCRIPT = """\
const conversation = new Conversation();
conversation.addMessage("human", "hi");
missing;
new ChatStepFactory().newStep({ model: "" });
"""
RUN = """\
for await (const event of echoStep.startStream("one two three")) if (event.type === "final") console.log(event.text);
setInterval(() => {}, 1000);
"""


async def test_a_session(tmp_path: Path) -> None:
    emacs = shutil.which("emacs")
    if emacs is None:
        pytest.skip("Emacs is not installed")
    page = (Path(__file__).parents[2] / "docs" / "editors.md").read_text("utf-8")
    recipe = re.search(r"```elisp\n(.*?)```", page, re.DOTALL)
    assert recipe is not None
    workspace, home, programs = (tmp_path / name for name in ("w s#é", "home", "bin"))
    for folder in (workspace, home, programs):
        folder.mkdir()
    (workspace / "talk.geppetto.js").write_text(SCRIPT, "utf-8")
    (workspace / "run.geppetto.js").write_text(RUN, "utf-8")
    (tmp_path / "recipe.el").write_text(recipe[1], "utf-8")
    (tmp_path / "session.el").write_text(SESSION, "utf-8")
    (programs / "geppetto").write_text(f'#!/bin/sh\nexec {sys.executable} -m geppetto "$@"\n')
    (programs / "geppetto").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEPPETTO_")}
    environment = {
        **kept,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "GEPPETTO_STATE_DIR": str(home),
        "TMPDIR": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "RECIPE": str(tmp_path / "recipe.el"),
        "RESULT": str(tmp_path / "result.json"),
    }
    process = await asyncio.create_subprocess_exec(
        emacs, "--batch", "--no-init-file", "--load", str(tmp_path / "session.el"),
        cwd=workspace, env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 240)
    finally:
        if process.returncode is None:
            process.kill()
    said = output.decode("utf-8", "replace")
    if process.returncode == 77:
        pytest.skip("Emacs has no eglot")
    assert (tmp_path / "result.json").exists(), said
    got = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert "problem" not in got, (got, said)
    assert got["mode"] == "geppetto-mode"
    assert any("Cannot find name 'missing'" in text for text in got["problems"])
    assert any('There is no role "human"' in text for text in got["problems"])
    assert "addMessage" in got["members"] and "claude-opus-5" in got["models"]
    assert "addMessage" in got["hover"]
    assert got["column"] == 6, "the emoji is two columns wide"
    assert got["first"] == "const chat = new Conversation();"
    assert "from the buffer" in got["printed"] and got["gone"] is True
