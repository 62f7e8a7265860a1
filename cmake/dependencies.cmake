# Where the build finds what it does not write itself (docs/design.md says why each is here).
# TUFF_SDK is a folder laid out like a root file system that holds newer Vulkan headers, volk, VMA and shader
# tools than the system has; `tools/dev` fills it on Debian 12. Empty: everything comes from the system.
set(TUFF_SDK "" CACHE PATH "root of newer Vulkan headers and shader tools; empty: the system's")

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

set(_hints)
if(TUFF_SDK)
  set(_hints HINTS ${TUFF_SDK}/usr/include NO_DEFAULT_PATH)
endif()
find_path(TUFF_VULKAN_INCLUDE vulkan/vulkan.h ${_hints} REQUIRED)
find_path(TUFF_VOLK_INCLUDE volk.h ${_hints} REQUIRED)
find_path(TUFF_VMA_INCLUDE vk_mem_alloc.h PATH_SUFFIXES vma ${_hints} REQUIRED)
if(TUFF_SDK)
  find_program(TUFF_GLSLANG NAMES glslang glslangValidator HINTS ${TUFF_SDK}/bin NO_DEFAULT_PATH REQUIRED)
  find_program(TUFF_SPIRV_VAL NAMES spirv-val HINTS ${TUFF_SDK}/bin NO_DEFAULT_PATH)
else()
  find_program(TUFF_GLSLANG NAMES glslang glslangValidator REQUIRED)
  find_program(TUFF_SPIRV_VAL NAMES spirv-val)
endif()

find_path(TUFF_SHADERC_INCLUDE shaderc/shaderc.hpp)
find_library(TUFF_SHADERC_LIBRARY NAMES shaderc shaderc_shared)

add_library(tuff_vulkan INTERFACE)
target_include_directories(tuff_vulkan SYSTEM INTERFACE ${TUFF_VULKAN_INCLUDE} ${TUFF_VOLK_INCLUDE} ${TUFF_VMA_INCLUDE})
target_compile_definitions(tuff_vulkan INTERFACE VK_NO_PROTOTYPES)
target_link_libraries(tuff_vulkan INTERFACE ${CMAKE_DL_LIBS})
