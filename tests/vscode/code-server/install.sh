#!/bin/sh
# Installs the workbench into a folder: install.sh FOLDER. Made aside and renamed, so there is never half of one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64) platform=linux-arm64 ;;
    *) echo "The workbench runs on Linux only: install the VSIX that \`make vsix\` makes into your VS Code." >&2; exit 1 ;;
esac
for tool in cc make python3; do # two of its modules are compiled
    command -v "$tool" >/dev/null || { echo "Installing the workbench needs $tool (Debian: apt-get install build-essential python3)." >&2; exit 1; }
done
mkdir -p "$1"
target=$(cd "$1" && pwd)
fresh=$target.new
trap 'rm -rf "$fresh"' EXIT
trap 'exit 1' HUP INT TERM
rm -rf "$fresh" && mkdir -p "$fresh"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$fresh"

quietly() { "$@" >"$fresh/log" 2>&1 || { cat "$fresh/log" >&2; exit 1; }; }
cd "$fresh"
quietly npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
node=$fresh/node_modules/node-$platform
PATH=$node/bin:$PATH
export PATH npm_config_nodedir="$node"
cd node_modules/code-server/lib/vscode
# Not `npm ci`: what these two carry as a lock does not fit to what they ask for.
quietly npm install --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
quietly npm rebuild @vscode/spdlog @vscode/native-watchdog
cd extensions
quietly npm install --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
cd "$target"/..
rm -rf "$target" "$fresh/log"
mv "$fresh" "$target"
