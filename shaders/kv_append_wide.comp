// Appends rows to a KV cache (lib/kv_append.glsl) on all other devices: 32-bit stores only. Grid: x = tokens, y = KV heads.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"
#include "lib/kv_append.glsl"

void main() { append_row(); }
