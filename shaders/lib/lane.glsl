// Lane-select loads: how a kernel of the `lanes` kind reads eight consecutive values, one per invocation.
//
// lavapipe turns a load at `base + lane` into a gather or, below 32 bits, into eight branches. It does load addresses
// that are uniform over the subgroup as scalars, and the invocation number is a constant vector to it: eight uniform loads
// joined by selects on the lane become one vector load in LLVM (vpmovsxbd, vcvtph2ps, ... with a memory operand).
// What keeps that fold alive: the loads are arguments, evaluated eagerly; lane_init() is the first thing main() does; one
// loop per shader; an address is pointer + loop counter + constant. Uniform loads ignore the execution mask, so a loop must
// test at its bottom, and buffers end with padding.
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_shader_subgroup_basic : require

#define LANES 8

uint lane;
bool lane_1, lane_2, lane_3, lane_4, lane_5, lane_6, lane_7;

void lane_init() {
    lane = gl_SubgroupInvocationID;
    lane_1 = lane == 1;
    lane_2 = lane == 2;
    lane_3 = lane == 3;
    lane_4 = lane == 4;
    lane_5 = lane == 5;
    lane_6 = lane == 6;
    lane_7 = lane == 7;
}

#define DEFINE_SELECT(T)                                        \
    T lane_select(T a, T b, T c, T d, T e, T f, T g, T h) {     \
        T r = a;                                                \
        r = lane_1 ? b : r;                                     \
        r = lane_2 ? c : r;                                     \
        r = lane_3 ? d : r;                                     \
        r = lane_4 ? e : r;                                     \
        r = lane_5 ? f : r;                                     \
        r = lane_6 ? g : r;                                     \
        r = lane_7 ? h : r;                                     \
        return r;                                               \
    }
DEFINE_SELECT(float)
DEFINE_SELECT(uint)
DEFINE_SELECT(int8_t)
DEFINE_SELECT(uint8_t)
DEFINE_SELECT(int16_t)
DEFINE_SELECT(uint16_t)
DEFINE_SELECT(float16_t)
#undef DEFINE_SELECT

// Element `at * 8 + lane` of an array.
#define LANE_LOAD(array, at)                                                                             \
    lane_select(array[(at) * 8], array[(at) * 8 + 1], array[(at) * 8 + 2], array[(at) * 8 + 3],          \
                array[(at) * 8 + 4], array[(at) * 8 + 5], array[(at) * 8 + 6], array[(at) * 8 + 7])
// Element `at + lane`.
#define LANE_RUN(array, at)                                                                                              \
    lane_select(array[at], array[(at) + 1], array[(at) + 2], array[(at) + 3], array[(at) + 4], array[(at) + 5],          \
                array[(at) + 6], array[(at) + 7])
#define LANE_UINT8(array, at) uint(LANE_LOAD(array, at))
#define LANE_INT8(array, at) float(int(LANE_LOAD(array, at)))
#define LANE_FLOAT16(array, at) float(LANE_LOAD(array, at))
#define LANE_FLOAT(array, at) LANE_LOAD(array, at)

// A format's Tile, and how it is opened: the planes Codes, Scales and Supers in their order, with the bytes of a group in all but
// the last.
#define TILE_OF_2_PLANES(CODES_BYTES)                                               \
    struct Tile {                                                                   \
        Codes codes;                                                                \
        Scales scales;                                                              \
    };                                                                              \
    Tile tile_open(uvec2 base, uint groups) {                                       \
        return Tile(Codes(base), Scales(advance(base, groups * CODES_BYTES)));      \
    }
#define TILE_OF_3_PLANES(CODES_BYTES, SCALES_BYTES)                                 \
    struct Tile {                                                                   \
        Codes codes;                                                                \
        Scales scales;                                                              \
        Supers supers;                                                              \
    };                                                                              \
    Tile tile_open(uvec2 base, uint groups) {                                       \
        return Tile(Codes(base), Scales(advance(base, groups * CODES_BYTES)),       \
                    Supers(advance(base, groups * (CODES_BYTES + SCALES_BYTES))));  \
    }
