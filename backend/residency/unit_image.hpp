// A piece of a model that is brought to the device as one, and how its matrices lie in a buffer.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backend/weights.hpp"

namespace tuff {

enum class Residence : std::uint8_t { resident, host_visible, streamed };
[[nodiscard]] std::string_view residence_name(Residence residence);

// A layer mostly, or all experts of one, and where it is to lie.
struct ModelUnit {
    struct Matrix {
        std::string name;
        const Format* format = nullptr;
        MatrixShape shape;
        std::uint64_t offset = 0;  // of its blocks in the file
        bool is_vector = false;    // stays as in the file, whatever the layout of matrices
    };
    std::string name;
    std::vector<Matrix> matrices;
    Residence residence{};
    std::uint64_t experts = 0;  // the matrices are stacks of so many; where streamed, those used are brought

    [[nodiscard]] bool on_demand() const { return experts > 0 && residence == Residence::streamed; }
};

// One of a unit of experts, below unit.experts.
[[nodiscard]] ModelUnit expert_of(const ModelUnit& unit, std::uint64_t expert);

[[nodiscard]] Layout layout_of(const ModelUnit::Matrix& matrix, Layout layout);
// Bytes of a unit's matrices one after the other, arranged, each at a multiple of host::kAddressAlignment:
// what a slot has to hold. The errors of matrix_bytes.
[[nodiscard]] Result<std::uint64_t> image_bytes(const ModelUnit& unit, Layout layout);
// The unit's matrices in a buffer of so many bytes.
[[nodiscard]] Result<std::vector<Weights>> weights_in(const host::Buffer& image, const ModelUnit& unit,
                                                      Layout layout);

}  // namespace tuff
