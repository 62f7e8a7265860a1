# The Khronos validation layer: core and synchronization checks, and the first message stops the test that caused it.

# use_validation FOLDER: switches the layer on for the programs run from here on; its settings are written to FOLDER.
use_validation() {
    compgen -G "/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json" >/dev/null ||
        die "no validation layer here (vulkan-validationlayers); the Debian 13 root has one: tools/dev root test --validate"
    cat >"$1/vk_layer_settings.txt" <<'SETTINGS'
khronos_validation.validate_core = true
khronos_validation.validate_sync = true
khronos_validation.report_flags = error,warn
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG,VK_DBG_LAYER_ACTION_BREAK
khronos_validation.log_filename = stdout
SETTINGS
    export VK_LAYER_SETTINGS_PATH=$1/vk_layer_settings.txt
    export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
}
