#!/bin/sh
# helix.sh FOLDER: puts Helix into FOLDER/bin/hx, from the packages of Debian 13. Debian 12 has none; what is there
# of its own libraries stays as it is.
set -eu
folder=$(realpath -m "$1")
root=$folder/root
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$root" "$folder/bin"

site=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] ${site:?apt knows no archive of Debian} trixie main" >"$work/sources.list"
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}
cd "$work"
apt update
apt download hx libc6 libgcc-s1
for package in *.deb; do dpkg -x "$package" "$root"; done

loader=$(find "$root/usr" -name 'ld-linux-*.so.*' | head -n 1)
libraries=$(dirname "$(find "$root/usr/lib" -name libgcc_s.so.1)")
cat >"$folder/bin/hx" <<END
#!/bin/sh
export HELIX_RUNTIME='$root/usr/lib/hx/runtime'
exec '$loader' --library-path '$libraries' '$root/usr/lib/hx/hx' "\$@"
END
chmod +x "$folder/bin/hx"
"$folder/bin/hx" --version
