# The SDK: newer Vulkan headers, volk, VMA and shader tools than the system has, from Debian 13, in build/sdk. Only
# headers and tools: the program itself is built and linked with what the system has.

SDK_OLDEST_VULKAN=1.4.300 # the first headers and glslang that know every extension the shaders use
SDK_TOOLS=(glslang glslangValidator spirv-val spirv-opt spirv-dis)
SDK_PACKAGES=("${PACKAGES_VULKAN[@]}"
    libc6 libstdc++6 libgcc-s1) # these only to run the tools, which want a newer C library than the system's

# Are the system's own packages too old, or some of them not there at all?
sdk_needed() {
    local installed candidate
    installed=$(dpkg-query -W -f '${Version}' libvulkan-dev 2>/dev/null || true)
    if [[ -n $installed ]] && dpkg --compare-versions "$installed" ge "$SDK_OLDEST_VULKAN" &&
        [[ -z $(missing_packages "${PACKAGES_VULKAN[@]}") ]]; then
        return 1
    fi
    sdk_complete && return
    candidate=$(candidate_version libvulkan-dev)
    if [[ -z $candidate ]] && can_be_root; then # a fresh machine has no lists yet
        update_lists
        candidate=$(candidate_version libvulkan-dev)
    fi
    [[ -n $candidate ]] || return 1
    dpkg --compare-versions "$candidate" lt "$SDK_OLDEST_VULKAN" ||
        [[ -z $(candidate_version libvulkan-memory-allocator-dev) ]]
}

# The version apt would install; empty where it knows none.
candidate_version() { apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'; }

# The stamp holds what the SDK was made of, so that a change of the list makes a new one.
sdk_complete() { [[ $(cat "$BUILD/sdk/.complete" 2>/dev/null) == "${SDK_PACKAGES[*]}" ]]; }

# Leaves the SDK's folder in SDK. Made in a folder beside it and renamed, so that it is whole or not there.
ensure_sdk() {
    SDK=$BUILD/sdk
    sdk_complete && return
    local new=$SDK.tmp
    say "fetching Debian 13's Vulkan headers and shader tools into build/sdk (12 MB): ${SDK_PACKAGES[*]}"
    rm -rf "$new"
    debian_fetch trixie "$new" "${SDK_PACKAGES[@]}"
    rm -rf "${new:?}"/{etc,usr/share} "$new"/usr/lib/*/{gconv,audit}
    mkdir "$new/bin"
    local tool
    for tool in "${SDK_TOOLS[@]}"; do
        sdk_wrapper "$tool" >"$new/bin/$tool"
        chmod +x "$new/bin/$tool"
    done
    "$new/bin/glslang" --version >/dev/null || die "the shader compiler fetched into build/sdk does not run"
    echo "${SDK_PACKAGES[*]}" >"$new/.complete"
    rm -rf "$SDK"
    mv "$new" "$SDK"
}

# A tool runs with the SDK's own loader and C library, wherever the SDK lies.
sdk_wrapper() {
    cat <<EOF2
#!/bin/sh
sdk=\$(dirname "\$(readlink -f "\$0")")/..
loader=\$(echo "\$sdk"/usr/lib*/ld-linux*.so.*)
exec "\$loader" --library-path "\$(echo "\$sdk"/usr/lib/*-linux-gnu*)" "\$sdk/usr/bin/$1" "\$@"
EOF2
}
