// Turns heads in f32 (lib/rotate_heads.glsl) on devices of the lanes kind (lib/lane.glsl). Grid: x = tokens, y = heads.
#version 460
#extension GL_GOOGLE_include_directive : require
#define ONE_SUBGROUP
#include "lib/common.glsl"
#include "lib/rotate_heads.glsl"

void main() { rotate_row(); }
