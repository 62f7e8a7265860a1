// Appends rows to a KV cache (lib/kv_append.glsl) on devices of the lanes kind (lib/lane.glsl): a workgroup is one subgroup of eight. Grid: x = tokens, y = KV heads.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#define ONE_SUBGROUP
#define BYTE_STORES
#include "lib/common.glsl"
#include "lib/kv_append.glsl"

void main() { append_row(); }
