// Sorts pairs of token and slot by expert and cuts them into tiles of one expert each, which lib/experts.glsl reads.
//
// Each part has tiles of one width; whole tiles of an expert go to the first part, the rest of its pairs to the narrowest part
// that takes them. Pairs keep their order, so that results are the same on every run. Ids that are no expert share one list.
// Written: for each part the group counts of the main kernel and of the packing one, then its tiles. One workgroup; an
// invocation does a list at a time.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "lib/common.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WIDTH = 128;

const uint MOST_EXPERTS = 1024, MOST_PARTS = 6, MOST_GROUPS_X = 65535, TILE_HEAD = 3;

struct Part {
    uint width;  // pairs of a tile; falling
    uint rows;   // of a workgroup of the main kernel
    uint table;  // where its tiles begin, in words from the lists
};

layout(push_constant, scalar) uniform Arguments {
    uvec2 ids;
    uvec2 lists;
    uint pairs;
    uint used;        // slots of a token
    uint ids_stride;  // ids between tokens
    uint experts;     // at most MOST_EXPERTS
    uint rows;        // M
    uint groups;      // K / 32, rounded up
    uint parts;
    Part part[MOST_PARTS];
} p;

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Ids { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Lists { uint v[]; };

shared uint chunk[WIDTH];               // lists of consecutive pairs
shared uint counts[MOST_EXPERTS + 1];  // pairs of each list

void load_chunk(uint first) {
    uint pair = min(first + gl_LocalInvocationIndex, p.pairs - 1);
    barrier();
    chunk[gl_LocalInvocationIndex] = min(Ids(advance(p.ids, pair / p.used, p.ids_stride * 4)).v[pair % p.used], p.experts);
    barrier();
}

// The part of the `rest` pairs that whole tiles leave.
uint part_of(uint rest) {
    uint part = p.parts - 1;
    while (part > 0 && p.part[part].width < rest) part--;
    return part;
}

void main() {
    uint lists = p.experts + 1, widest = p.part[0].width;
    for (uint base = 0; base < lists; base += WIDTH) {
        uint list = base + gl_LocalInvocationIndex, count = 0;
        for (uint first = 0; first < p.pairs; first += WIDTH) {
            load_chunk(first);
            uint end = min(WIDTH, p.pairs - first);
            for (uint i = 0; i < end; i++) count += chunk[i] == list ? 1u : 0u;
        }
        if (list < lists) counts[list] = count;
    }
    barrier();

    Lists to = Lists(p.lists);
    for (uint base = 0; base < lists; base += WIDTH) {
        uint list = base + gl_LocalInvocationIndex;
        // What the lists before this one take.
        uint tiles[MOST_PARTS], place = 0;
        for (uint i = 0; i < MOST_PARTS; i++) tiles[i] = 0;
        for (uint before = 0; before < min(list, lists); before++) {
            uint whole = counts[before] / widest, rest = counts[before] % widest;
            tiles[0] += whole;
            place += whole * widest;
            if (rest > 0) {
                uint part = part_of(rest);
                tiles[part]++;
                place += p.part[part].width;
            }
        }
        uint count = list < lists ? counts[list] : 0, whole = count / widest, rest = count % widest, rest_part = part_of(rest);
        // Where the whole tiles and the one of the rest are.
        uint whole_words = TILE_HEAD + widest, whole_at = p.part[0].table + tiles[0] * whole_words;
        uint rest_at = rest_part == 0 ? whole_at + whole * whole_words
                                      : p.part[rest_part].table + tiles[rest_part] * (TILE_HEAD + p.part[rest_part].width);
        for (uint tile = 0; tile * widest < count; tile++) {
            uint at = tile < whole ? whole_at + tile * whole_words : rest_at;
            to.v[at] = list;
            to.v[at + 1] = min(count - tile * widest, widest);
            to.v[at + 2] = place + tile * widest;
        }
        if (list == lists - 1) {
            tiles[0] += whole;
            if (rest > 0) tiles[rest_part]++;
            for (uint i = 0; i < p.parts; i++) {
                to.v[i * 6] = (p.rows + p.part[i].rows - 1) / p.part[i].rows;
                to.v[i * 6 + 1] = tiles[i];
                to.v[i * 6 + 2] = 1;
                to.v[i * 6 + 3] = min((p.groups * p.part[i].width + 7) / 8, MOST_GROUPS_X);
                to.v[i * 6 + 4] = tiles[i];
                to.v[i * 6 + 5] = 1;
            }
        }
        uint done = 0;
        for (uint first = 0; first < p.pairs; first += WIDTH) {
            load_chunk(first);
            uint end = min(WIDTH, p.pairs - first);
            for (uint i = 0; i < end; i++)
                if (chunk[i] == list) {
                    uint tile = done / widest;
                    to.v[(tile < whole ? whole_at + tile * whole_words : rest_at) + TILE_HEAD + done % widest] = first + i;
                    done++;
                }
        }
    }
}
