// A model of a few hundred kilobytes for tests: the names, shapes and metadata of a llama with grouped heads,
// weights drawn like trained ones.
#pragma once

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backend/gguf_writer.hpp"
#include "backend/half.hpp"

namespace tuff::test {

struct SmallTensor {
    std::string name;
    std::vector<std::uint64_t> dims;
};

inline std::vector<SmallTensor> small_tensors(int layers) {
    std::vector<SmallTensor> tensors = {{"token_embd.weight", {256, 40}}};
    for (int i = 0; i < layers; i++) {
        const auto name = [&](const char* part) { return fmt::format("blk.{}.{}.weight", i, part); };
        tensors.push_back({name("attn_norm"), {256}});
        tensors.push_back({name("attn_q"), {256, 64}});
        tensors.push_back({name("attn_k"), {256, 16}});
        tensors.push_back({name("attn_v"), {256, 16}});
        tensors.push_back({name("attn_output"), {256, 64}});
        tensors.push_back({name("ffn_gate_exps"), {256, 32, 3}});
        tensors.push_back({name("ffn_down"), {512, 64}});
    }
    tensors.push_back({"output_norm.weight", {256}});
    tensors.push_back({"output.weight", {256, 40}});
    return tensors;
}

// Written to `path`, with further keys. `spoil` may change the values of a tensor before they are stored as
// f16.
template <class Spoil>
void write_model_of(const std::vector<SmallTensor>& small, const std::string& path, int layers,
                    const std::vector<GgufKeyToWrite>& further, const Spoil& spoil) {
    std::vector<GgufTensorToWrite> tensors;
    for (const SmallTensor& tensor : small)
        tensors.push_back({tensor.name, find_type(tensor.dims.size() == 1 ? "f32" : "f16"), tensor.dims});
    std::vector<GgufKeyToWrite> keys = {{"general.architecture", std::string_view("llama")},
                                        {"general.file_type", std::uint32_t{1}},
                                        {"llama.block_count", static_cast<std::uint32_t>(layers)},
                                        {"llama.embedding_length", std::uint32_t{256}},
                                        {"llama.context_length", std::uint32_t{128}},
                                        {"llama.attention.head_count", std::uint32_t{8}},
                                        {"llama.attention.head_count_kv", std::uint32_t{2}},
                                        {"tokenizer.ggml.model", std::string_view("none")}};
    keys.insert(keys.end(), further.begin(), further.end());
    auto writer = GgufWriter::create(path, keys, tensors);
    std::mt19937_64 random(17);
    std::normal_distribution<float> normal(0, 0.05f);
    for (const GgufTensorToWrite& tensor : tensors) {
        std::uint64_t elements = 1;
        for (const std::uint64_t dim : tensor.dims) elements *= dim;
        std::vector<float> values(elements);
        for (float& value : values) value = normal(random);
        spoil(tensor.name, values);
        std::vector<std::byte> bytes(*tensor.bytes());
        for (std::uint64_t i = 0; i < elements; i++) {
            if (tensor.type->name == "f32") {
                store(&bytes[i * 4], values[i]);
            } else {
                store_half(&bytes[i * 2], values[i]);
            }
        }
        (void)writer->write(bytes);
    }
    (void)writer->finish();
}

template <class Spoil>
void write_small_model(const std::string& path, int layers, const Spoil& spoil) {
    write_model_of(small_tensors(layers), path, layers, {}, spoil);
}

inline void write_small_model(const std::string& path, int layers = 2) {
    write_small_model(path, layers, [](const std::string&, std::vector<float>&) {});
}

// One whose layers have so many experts, of which a token uses some.
inline void write_small_moe(const std::string& path, int layers, std::uint32_t experts, std::uint32_t used) {
    std::vector<SmallTensor> tensors;
    for (const SmallTensor& tensor : small_tensors(layers)) {
        const std::string layer = tensor.name.substr(0, tensor.name.find("ffn_"));
        if (tensor.name.ends_with("ffn_gate_exps.weight")) {
            tensors.push_back({layer + "ffn_gate_inp.weight", {256, experts}});
            tensors.push_back({layer + "ffn_gate_exps.weight", {256, 64, experts}});
            tensors.push_back({layer + "ffn_up_exps.weight", {256, 64, experts}});
            tensors.push_back({layer + "ffn_down_exps.weight", {64, 256, experts}});
        } else if (!tensor.name.ends_with("ffn_down.weight")) {
            tensors.push_back(tensor);
        }
    }
    write_model_of(tensors, path, layers,
                   {{"llama.expert_count", experts}, {"llama.expert_used_count", used}},
                   [](const std::string&, std::vector<float>&) {});
}

// An importance matrix for some of its tensors, each with `columns(dims)` columns.
inline void write_imatrix(const std::string& path, const std::vector<SmallTensor>& of, float count = 2,
                          std::uint64_t extra_columns = 0) {
    std::vector<GgufTensorToWrite> tensors;
    for (const SmallTensor& tensor : of) {
        const std::uint64_t stack = tensor.dims.size() > 2 ? tensor.dims[2] : 1;
        tensors.push_back(
            {tensor.name + ".in_sum2", find_type("f32"), {tensor.dims[0] + extra_columns, stack}});
        tensors.push_back({tensor.name + ".counts", find_type("f32"), {1, stack}});
    }
    const std::vector<GgufKeyToWrite> keys = {{"general.type", std::string_view("imatrix")},
                                              {"imatrix.chunk_count", std::uint32_t{3}}};
    auto writer = GgufWriter::create(path, keys, tensors);
    for (const GgufTensorToWrite& tensor : tensors) {
        std::vector<float> values(*tensor.bytes() / sizeof(float), count);
        if (tensor.name.ends_with(".in_sum2"))
            for (std::size_t i = 0; i < values.size(); i++) values[i] = 0.1f + static_cast<float>(i % 13);
        (void)writer->write(std::as_bytes(std::span(values)));
    }
    (void)writer->finish();
}

}  // namespace tuff::test
