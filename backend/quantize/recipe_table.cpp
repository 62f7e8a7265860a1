// The recipes themselves, in the order of general.file_type.
#include "backend/quantize/recipe.hpp"

namespace tuff {
namespace {

using enum Part;
using enum When;
using enum Given;

constexpr Rule q4_0[] = {{ffn_down, first_eighth, "q4_1", with_importance}};
constexpr Rule q5_0[] = {{ffn_down, first_eighth, "q5_1", with_importance}};
constexpr Rule q2_k[] = {{attn_v, grouped, "q4_k"},
                         {attn_v, always, "q3_k"},
                         {ffn_down, always, "q3_k"},
                         {attn_output, always, "q3_k"}};
constexpr Rule q2_k_s[] = {{attn_v, grouped, "q4_k"}, {ffn_down, first_eighth, "q4_k"}};
constexpr Rule q3_k_m[] = {{attn_v, first_two, "q5_k"},
                           {attn_v, always, "q4_k"},
                           {ffn_down, first_sixteenth, "q5_k"},
                           {ffn_down, always, "q4_k"},
                           {attn_output, always, "q4_k"}};
constexpr Rule q3_k_l[] = {
    {attn_v, always, "q5_k"}, {ffn_down, always, "q5_k"}, {attn_output, always, "q5_k"}};
constexpr Rule q4_k_s[] = {{attn_v, first_four, "q5_k"}, {ffn_down, first_eighth, "q5_k"}};
constexpr Rule k_m[] = {{attn_v, more_bits, "q6_k"}, {ffn_down, more_bits, "q6_k"}};
constexpr Rule iq1[] = {{attn_v, grouped_or_experts, "q4_k"},
                        {attn_v, always, "q2_k"},
                        {ffn_down, first_eighth, "q2_k"},
                        {attn_output, always, "iq2_xxs"},
                        {token_embd, always, "q2_k"}};
constexpr Rule iq2_small[] = {{attn_v, grouped_or_experts, "q4_k"},
                              {attn_v, always, "q2_k"},
                              {ffn_down, first_eighth, "q2_k"},
                              {token_embd, always, "q2_k"}};
constexpr Rule iq2_large[] = {{attn_v, grouped_or_experts, "q4_k"},
                              {attn_v, always, "iq3_s"},
                              {ffn_down, first_eighth, "iq3_s"},
                              {attn_output, always, "iq3_s"},
                              {token_embd, always, "iq3_s"}};
constexpr Rule iq3_xxs[] = {{attn_v, grouped, "q4_k"},
                            {attn_v, always, "iq3_s", without_importance},
                            {ffn_down, first_eighth, "q4_k", without_importance},
                            {ffn_down, always, "q3_k", without_importance},
                            {attn_output, always, "iq3_s"},
                            {token_embd, always, "iq3_s"},
                            {attn_q, always, "iq2_s"},
                            {attn_k, always, "iq2_s"}};
constexpr Rule iq3_xs[] = {{attn_v, grouped, "q4_k"},
                           {attn_q, always, "iq3_xxs"},
                           {attn_k, always, "iq3_xxs"},
                           {ffn_gate, middle, "iq3_xxs"},
                           {ffn_up, middle, "iq3_xxs"}};
constexpr Rule iq3_s[] = {{attn_v, grouped, "q4_k"}};
constexpr Rule iq3_m[] = {
    {attn_v, always, "q4_k"}, {ffn_down, first_eighth, "q4_k"}, {attn_output, always, "q4_k"}};
constexpr Rule iq4[] = {{attn_v, grouped, "q5_k"}, {ffn_down, first_eighth, "q5_k", without_importance}};
constexpr Rule ternary[] = {{token_embd, always, "q4_k"}};

constexpr auto q8 = EightExperts::attn_v_and_k_q8_0;
constexpr auto low = EightExperts::attn_k_q4_k;

// name, file type, base, output, rules, with eight experts, then attn_output q5_k, wants importance
constexpr Recipe all[] = {
    {"f32", 0, "f32", "f32", {}, q8, false, false},
    {"f16", 1, "f16", "f16", {}, q8, false, false},
    {"q4_0", 2, "q4_0", "q6_k", q4_0, q8, false, false},
    {"q4_1", 3, "q4_1", "q6_k", {}, q8, false, false},
    {"q8_0", 7, "q8_0", "q8_0", {}, q8, false, false},
    {"q5_0", 8, "q5_0", "q6_k", q5_0, q8, false, false},
    {"q5_1", 9, "q5_1", "q6_k", {}, q8, false, false},
    {"q2_k", 10, "q2_k", "q6_k", q2_k, q8, true, false},
    {"q3_k_s", 11, "q3_k", "q6_k", {}, q8, true, false},
    {"q3_k_m", 12, "q3_k", "q6_k", q3_k_m, q8, true, false},
    {"q3_k_l", 13, "q3_k", "q6_k", q3_k_l, q8, false, false},
    {"q4_k_s", 14, "q4_k", "q6_k", q4_k_s, q8, true, false},
    {"q4_k_m", 15, "q4_k", "q6_k", k_m, q8, true, false},
    {"q5_k_s", 16, "q5_k", "q6_k", {}, q8, false, false},
    {"q5_k_m", 17, "q5_k", "q6_k", k_m, q8, false, false},
    {"q6_k", 18, "q6_k", "q6_k", {}, q8, false, false},
    {"iq2_xxs", 19, "iq2_xxs", "q5_k", iq2_small, low, true, true},
    {"iq2_xs", 20, "iq2_xs", "q5_k", iq2_small, low, true, true},
    {"q2_k_s", 21, "q2_k", "q6_k", q2_k_s, q8, false, true},
    {"iq3_xs", 22, "iq3_s", "q6_k", iq3_xs, q8, true, false},
    {"iq3_xxs", 23, "iq3_xxs", "q5_k", iq3_xxs, q8, true, false},
    {"iq1_s", 24, "iq1_s", "q5_k", iq1, low, true, true},
    {"iq4_nl", 25, "iq4_nl", "q6_k", iq4, q8, true, false},
    {"iq3_s", 26, "iq3_s", "q6_k", iq3_s, q8, true, false},
    {"iq3_m", 27, "iq3_s", "q6_k", iq3_m, q8, true, false},
    {"iq2_s", 28, "iq2_xs", "q5_k", iq2_large, low, true, true},
    {"iq2_m", 29, "iq2_s", "q5_k", iq2_large, low, true, true},
    {"iq4_xs", 30, "iq4_xs", "q6_k", iq4, q8, true, false},
    {"iq1_m", 31, "iq1_m", "q5_k", iq1, low, true, true},
    {"bf16", 32, "bf16", "bf16", {}, q8, false, false},
    {"tq1_0", 36, "tq1_0", "q6_k", ternary, q8, false, false},
    {"tq2_0", 37, "tq2_0", "q6_k", ternary, q8, false, false},
    {"mxfp4_moe", 38, "mxfp4", "q8_0", {}, q8, false, false},
    {"nvfp4", 39, "nvfp4", "q6_k", {}, q8, false, false},
    {"q1_0", 40, "q1_0", "q6_k", {}, q8, false, false},
    {"q2_0", 41, "q2_0", "q6_k", ternary, q8, false, false},
};

}  // namespace

std::span<const Recipe> recipes() {
    return all;
}

}  // namespace tuff
