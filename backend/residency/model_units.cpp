#include "backend/residency/model_units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tuff {
namespace {

// Matrices [first, first + count) of `all` in the tensor's stack.
ModelUnit::Matrix part_of(const GgufTensor& tensor, const Format& format, std::uint64_t first,
                          std::uint64_t count, std::uint64_t all) {
    ModelUnit::Matrix matrix;
    matrix.name = tensor.name;
    if (count < all) matrix.name += fmt::format("[{}]", first);
    matrix.format = &format;
    matrix.is_vector = tensor.n_dims < 2;
    matrix.shape = {tensor.dims[1], tensor.dims[0], tensor.dims[2] * tensor.dims[3] / all * count};
    matrix.offset = tensor.offset + tensor.bytes / all * first;
    return matrix;
}

}  // namespace

ModelUnits model_units(const GgufFile& file, const Residency& residency) {
    ModelUnits made;
    for (const PlacedUnit& placed : residency.units) {
        const Unit& unit = placed.unit;
        const bool together = std::max({placed.resident, placed.host_visible, placed.streamed}) == unit.count;
        const std::uint64_t each = together ? unit.count : 1;
        for (std::uint64_t first = 0; first < unit.count; first += each) {
            ModelUnit& one = made.units.emplace_back();
            one.name =
                each == unit.count ? unit.name() : fmt::format("expert {} of layer {}", first, unit.layer);
            one.residence = first < placed.resident                         ? Residence::resident
                            : first < placed.resident + placed.host_visible ? Residence::host_visible
                                                                            : Residence::streamed;
            for (const std::size_t index : unit.tensors) {
                const GgufTensor& tensor = file.tensors()[index];
                const Format* format = find_format(tensor.type->id);
                if (format != nullptr && tensor.elements > 0)
                    one.matrices.push_back(part_of(tensor, *format, first, each, unit.count));
                else if (first == 0)
                    made.left_out.emplace_back(tensor.name);
            }
        }
    }
    return made;
}

}  // namespace tuff
