// The one file that holds volk's code. libvulkan is opened at run time, so a program with this library in it
// starts on machines without Vulkan. volk keeps its symbols out of a shared library's interface.
#define VOLK_IMPLEMENTATION
#include <volk.h>
