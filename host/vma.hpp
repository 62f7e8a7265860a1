// Private to host/: Vulkan Memory Allocator, without any function of its own choosing (host/memory.cpp hands
// it ours).
#pragma once

#define VMA_STATIC_VULKAN_FUNCTIONS 0
#define VMA_DYNAMIC_VULKAN_FUNCTIONS 0
#define VMA_VULKAN_VERSION 1003000
#include <volk.h>

#include <vk_mem_alloc.h>
