#include "host/instance.hpp"

#include <tuff/log.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <vector>

#include "host/instance_core.hpp"

namespace tuff::host {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

constexpr const char* kHowToGetALoader =
    "install one (Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers; Fedora: dnf install "
    "vulkan-loader mesa-vulkan-drivers; Arch: pacman -S vulkan-icd-loader vulkan-swrast)";
constexpr const char* kHowToGetADriver =
    "install the graphics card's Vulkan driver, or one that runs on the processor (Debian, Ubuntu: apt "
    "install mesa-vulkan-drivers; Fedora: dnf install mesa-vulkan-drivers; Arch: pacman -S vulkan-swrast)";

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                          VkDebugUtilsMessageTypeFlagsEXT /*types*/,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
    auto* core = static_cast<InstanceCore*>(user);
    core->validation_messages.fetch_add(1, std::memory_order_relaxed);
    const bool error = (severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) != 0;
    try {
        log(error ? LogLevel::error : LogLevel::warning, "validation: {}",
            data->pMessage != nullptr ? data->pMessage : "(no text)");
    } catch (...) {
        // Out of memory while formatting: the count above still tells.
    }
    return VK_FALSE;
}

template <class List, class Name>
bool contains(const List& list, Name member, const char* name) {
    return std::ranges::any_of(list,
                               [&](const auto& entry) { return std::strcmp(entry.*member, name) == 0; });
}

Result<std::vector<VkExtensionProperties>> instance_extensions(const char* layer) {
    // The list may grow between the two calls, so the second may say VK_INCOMPLETE.
    for (;;) {
        std::uint32_t count = 0;
        VkResult result = vkEnumerateInstanceExtensionProperties(layer, &count, nullptr);
        if (result != VK_SUCCESS) return fail_vk(result, "listing instance extensions");
        std::vector<VkExtensionProperties> list(count);
        result = vkEnumerateInstanceExtensionProperties(layer, &count, list.data());
        if (result == VK_INCOMPLETE) continue;
        if (result != VK_SUCCESS) return fail_vk(result, "listing instance extensions");
        list.resize(count);
        return list;
    }
}

Result<bool> validation_layer_present() {
    std::uint32_t count = 0;
    VkResult result = vkEnumerateInstanceLayerProperties(&count, nullptr);
    if (result != VK_SUCCESS) return fail_vk(result, "listing layers");
    std::vector<VkLayerProperties> list(count);
    result = vkEnumerateInstanceLayerProperties(&count, list.data());
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) return fail_vk(result, "listing layers");
    list.resize(count);
    return contains(list, &VkLayerProperties::layerName, kValidationLayer);
}

Result<void> load_loader() {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    if (volkInitialize() != VK_SUCCESS) {
        return fail(ErrorCode::no_loader, "no Vulkan loader (libvulkan.so.1) on this machine; {}",
                    kHowToGetALoader);
    }
    const std::uint32_t version = volkGetInstanceVersion();
    if (version < VK_API_VERSION_1_3) {
        return fail(ErrorCode::no_loader, "the Vulkan loader is version {}; needs 1.3 or newer; {}",
                    version_text(version), kHowToGetALoader);
    }
    return {};
}

Result<void> enumerate(InstanceCore& core) {
    std::uint32_t count = 0;
    VkResult result = vkEnumeratePhysicalDevices(core.instance, &count, nullptr);
    if (result == VK_SUCCESS && count > 0) {
        core.physical.resize(count);
        result = vkEnumeratePhysicalDevices(core.instance, &count, core.physical.data());
        if (result == VK_INCOMPLETE) result = VK_SUCCESS;
        core.physical.resize(count);
    }
    if (result != VK_SUCCESS && result != VK_ERROR_INITIALIZATION_FAILED) {
        return fail_vk(result, "listing Vulkan devices");
    }
    if (core.physical.empty()) {
        return fail(ErrorCode::no_device, "the Vulkan loader found no device; {}", kHowToGetADriver);
    }
    for (VkPhysicalDevice physical : core.physical) {
        TUFF_TRY(snapshot, probe(physical));
        core.snapshots.push_back(std::move(snapshot));
    }
    return {};
}

Result<std::shared_ptr<InstanceCore>> create(const InstanceOptions& options) {
    TUFF_CHECK(load_loader());
    TUFF_TRY(available, instance_extensions(nullptr));
    const auto offered = [&](const char* name) {
        return contains(available, &VkExtensionProperties::extensionName, name);
    };

    auto core = std::make_shared<InstanceCore>();
    std::vector<const char*> extensions;
    std::vector<const char*> layers;
    VkInstanceCreateFlags flags = 0;
    if (offered(VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        extensions.push_back(VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
        flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    core->debug_utils = offered(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
    if (core->debug_utils) extensions.push_back(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);

    const VkBool32 on = VK_TRUE;
    const VkLayerSettingEXT sync{kValidationLayer, "validate_sync", VK_LAYER_SETTING_TYPE_BOOL32_EXT, 1, &on};
    VkLayerSettingsCreateInfoEXT settings{VK_STRUCTURE_TYPE_LAYER_SETTINGS_CREATE_INFO_EXT, nullptr, 1,
                                          &sync};
    const void* next = nullptr;
    if (options.validation) {
        TUFF_TRY(present, validation_layer_present());
        if (!present) {
            return fail(ErrorCode::unsupported,
                        "{} is not installed (Debian, Ubuntu: apt install vulkan-validationlayers)",
                        kValidationLayer);
        }
        layers.push_back(kValidationLayer);
        TUFF_TRY(of_layer, instance_extensions(kValidationLayer));
        if (contains(of_layer, &VkExtensionProperties::extensionName, VK_EXT_LAYER_SETTINGS_EXTENSION_NAME)) {
            extensions.push_back(VK_EXT_LAYER_SETTINGS_EXTENSION_NAME);
            next = &settings;
        } else {
            log(LogLevel::warning,
                "this validation layer predates layer settings: synchronization is not checked");
        }
    }

    VkApplicationInfo application{};
    application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
    application.pApplicationName = options.application.c_str();
    application.pEngineName = "tuff";
    application.apiVersion = VK_API_VERSION_1_3;

    VkInstanceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
    info.pNext = next;
    info.flags = flags;
    info.pApplicationInfo = &application;
    info.enabledLayerCount = static_cast<std::uint32_t>(layers.size());
    info.ppEnabledLayerNames = layers.data();
    info.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
    VkResult result = vkCreateInstance(&info, nullptr, &core->instance);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        return fail(ErrorCode::no_device, "the Vulkan loader found no driver; {}", kHowToGetADriver);
    }
    if (result != VK_SUCCESS) return fail_vk(result, "creating a Vulkan instance");
    volkLoadInstanceOnly(core->instance);

    if (core->debug_utils) {
        VkDebugUtilsMessengerCreateInfoEXT messages{};
        messages.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
        messages.messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
        // Not GENERAL: that is the loader telling of drivers it could not load, on perfectly healthy
        // machines.
        messages.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
        messages.pfnUserCallback = on_message;
        messages.pUserData = core.get();
        result = vkCreateDebugUtilsMessengerEXT(core->instance, &messages, nullptr, &core->messenger);
        if (result != VK_SUCCESS) return fail_vk(result, "listening to validation messages");
    }
    TUFF_CHECK(enumerate(*core));
    return core;
}

}  // namespace

InstanceCore::~InstanceCore() {
    if (messenger != VK_NULL_HANDLE) vkDestroyDebugUtilsMessengerEXT(instance, messenger, nullptr);
    if (instance != VK_NULL_HANDLE) vkDestroyInstance(instance, nullptr);
}

Result<Instance> Instance::open(const InstanceOptions& options) {
    try {
        TUFF_TRY(core, create(options));
        return Instance(std::move(core));
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::out_of_memory, "out of memory while opening Vulkan");
    }
}

std::span<const DeviceSnapshot> Instance::snapshots() const {
    return core_->snapshots;
}

std::uint64_t Instance::validation_messages() const {
    return core_->validation_messages.load(std::memory_order_relaxed);
}

}  // namespace tuff::host
