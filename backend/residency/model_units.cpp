#include "backend/residency/model_units.hpp"

namespace tuff {

ModelUnits model_units(const GgufFile& file, const Residency& residency) {
    ModelUnits made;
    for (const PlacedUnit& placed : residency.units) {
        ModelUnit& unit = made.units.emplace_back();
        unit.name = placed.unit.name();
        unit.residence = placed.resident > 0       ? Residence::resident
                         : placed.host_visible > 0 ? Residence::host_visible
                                                   : Residence::streamed;
        if (placed.unit.kind == UnitKind::experts) unit.experts = placed.unit.count;
        for (const std::size_t index : placed.unit.tensors) {
            const GgufTensor& tensor = file.tensors()[index];
            const Format* format = find_format(tensor.type->id);
            if (format != nullptr && tensor.elements > 0)
                unit.matrices.push_back({std::string(tensor.name),
                                         format,
                                         {tensor.dims[1], tensor.dims[0], tensor.dims[2] * tensor.dims[3]},
                                         tensor.offset,
                                         tensor.n_dims < 2});
            else
                made.left_out.emplace_back(tensor.name);
        }
    }
    return made;
}

}  // namespace tuff
