#define VMA_IMPLEMENTATION
#include "host/vma.hpp"
