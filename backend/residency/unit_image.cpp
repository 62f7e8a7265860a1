#include "backend/residency/unit_image.hpp"

#include <fmt/format.h>

#include <utility>

#include "backend/arithmetic.hpp"
#include "host/memory.hpp"

namespace tuff {
namespace {

std::uint64_t aligned(std::uint64_t bytes) {
    return round_up(bytes, host::kAddressAlignment);
}

// Whether a stack's shape is possible, and its bytes.
Result<std::uint64_t> stack_bytes(const ModelUnit::Matrix& matrix, Layout layout) {
    TUFF_TRY(one, matrix_bytes(*matrix.format, layout_of(matrix, layout), matrix.shape));
    return one * matrix.shape.batches;
}

}  // namespace

std::string_view residence_name(Residence residence) {
    switch (residence) {
        case Residence::resident:
            return "resident";
        case Residence::host_visible:
            return "host-visible";
        case Residence::streamed:
            return "streamed";
    }
    return "";
}

ModelUnit expert_of(const ModelUnit& unit, std::uint64_t expert) {
    ModelUnit one{fmt::format("expert {} of {}", expert, unit.name), unit.matrices, unit.residence};
    for (ModelUnit::Matrix& matrix : one.matrices) {
        matrix.name += fmt::format("[{}]", expert);
        matrix.shape.batches /= unit.experts;
        // An impossible shape is refused where its bytes are asked for.
        const auto in_file = matrix_bytes(*matrix.format, Layout::blocks, matrix.shape);
        matrix.offset += in_file ? *in_file * matrix.shape.batches * expert : 0;
    }
    return one;
}

Layout layout_of(const ModelUnit::Matrix& matrix, Layout layout) {
    return matrix.is_vector ? Layout::blocks : layout;
}

Result<std::uint64_t> image_bytes(const ModelUnit& unit, Layout layout) {
    std::uint64_t bytes = 0;
    for (const ModelUnit::Matrix& matrix : unit.matrices) {
        TUFF_TRY(one, stack_bytes(matrix, layout));
        bytes += aligned(one);
    }
    return bytes;
}

Result<std::vector<Weights>> weights_in(const host::Buffer& image, const ModelUnit& unit, Layout layout) {
    std::vector<Weights> weights;
    std::uint64_t at = 0;
    for (const ModelUnit::Matrix& matrix : unit.matrices) {
        TUFF_TRY(one, Weights::within(image, at, *matrix.format, layout_of(matrix, layout), matrix.shape));
        at += aligned(one.bytes());
        weights.push_back(std::move(one));
    }
    return weights;
}

}  // namespace tuff
