// Loops that want a newer processor than the oldest one the program runs on.
#pragma once

// One function compiled for several generations of processors, of which the program takes the newest that the
// machine has when it starts. Not under sanitizers, which instrument the choice before they are ready, and
// not with clang, which only the fuzzers use.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TUFF_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define TUFF_CLONES
#endif
// Everything that takes or returns vectors is inlined: how wide ones are passed depends on the processor.
#define TUFF_INLINE __attribute__((always_inline)) inline
