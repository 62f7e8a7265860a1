# SwiftShader, the smallest Vulkan device there is (subgroups of 4, 32-bit types only). Debian has it as a part of
# Chromium; the oldest supported release's runs on every newer system.

SWIFTSHADER_RELEASE=bookworm

# Makes SwiftShader the only Vulkan device of the programs run from here on.
use_swiftshader() {
    with_lock ensure_swiftshader
    export VK_DRIVER_FILES=$BUILD/swiftshader/vk_swiftshader_icd.json
    export VK_ICD_FILENAMES=$VK_DRIVER_FILES # what loaders before 1.3.207 read
}

ensure_swiftshader() {
    local folder=$BUILD/swiftshader
    [[ -e $folder/vk_swiftshader_icd.json ]] && return
    have_apt || die "SwiftShader is fetched from Debian with apt, which is not here"
    say "fetching SwiftShader into build/swiftshader (30 MB): chromium-common of Debian $SWIFTSHADER_RELEASE"
    local new=$folder.tmp
    rm -rf "$new" "$new.all"
    debian_fetch "$SWIFTSHADER_RELEASE" "$new.all" chromium-common
    mkdir "$new"
    # The manifest names the library by a path relative to itself.
    mv "$new.all"/usr/lib/chromium/{libvk_swiftshader.so,vk_swiftshader_icd.json} "$new/"
    rm -rf "$new.all" "$folder"
    mv "$new" "$folder"
}
