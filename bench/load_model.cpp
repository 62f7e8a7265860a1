#include "bench/load_model.hpp"

#include <algorithm>

#include "backend/load/file_source.hpp"
#include "backend/matmul_plan.hpp"
#include "backend/model/gguf_model.hpp"
#include "backend/plan/weight_types.hpp"
#include "backend/residency/model_units.hpp"
#include "bench/clock.hpp"
#include "bench/host_memory.hpp"
#include "bench/transfer_paths.hpp"
#include "host/import.hpp"

namespace tuff::bench {
namespace {

constexpr std::uint64_t kSlice = std::uint64_t{8} << 20;

// The file's bytes, read as a load reads them and dropped; as many as can be read in a second.
Result<double> read_alone(const std::string& path, LoadWay way) {
    TUFF_TRY(source, FileSource::open(path, read_way(way)));
    TUFF_TRY(pages, host::HostMemory::allocate(FileSource::scratch_bytes(kSlice), FileSource::kAlignment));
    double best = 0;
    for (int round = 0; round < 3; round++) {  // the first one touches the pages
        const auto start = Clock::now();
        std::uint64_t at = 0;
        while (at < source.size() && seconds_since(start) < 1) {
            const std::uint64_t bytes = std::min(kSlice, source.size() - at);
            TUFF_CHECK(source.read(at, bytes, pages.bytes()));
            at += bytes;
        }
        best = std::max(best, gbps_of(at, seconds_since(start)));
    }
    return best;
}

// Bytes to memory where weights would lie, the way a load brings them there: written in place, into new
// memory as a load finds it, else through staging.
Result<double> copy_alone(Session& session) {
    const std::uint64_t bytes = std::min(std::uint64_t{256} << 20, session.free_bytes() / 4);
    {
        const std::vector<std::byte> from(bytes, std::byte{1});
        TUFF_TRY(to, session.device().allocate(host::Intent::weights, bytes, "copied to"));
        if (to.in_place()) {  // once: memory that was written before is faster
            const auto start = Clock::now();
            std::ranges::copy(from, to.mapped().begin());
            return gbps_of(bytes, seconds_since(start));
        }
    }
    TUFF_TRY(path, staged_upload().make(session, bytes));
    double best = 0;
    for (int round = 0; round < 5; round++) {
        const auto start = Clock::now();
        TUFF_CHECK(path->run());
        best = std::max(best, gbps_of(bytes, seconds_since(start)));
    }
    return best;
}

std::uint64_t largest_unit(const ModelUnits& units, Layout layout) {
    std::uint64_t most = 0;
    for (const ModelUnit& unit : units.units) {
        const auto bytes = image_bytes(unit, layout);
        if (bytes) most = std::max(most, *bytes);
    }
    return most;
}

}  // namespace

double LoadMeasurement::gbps() const {
    return gbps_of(load.bytes, load.seconds);
}

double LoadMeasurement::share_of_slower() const {
    const double slower = std::min(read_gbps, copy_gbps);
    return slower > 0 ? gbps() / slower : 0;
}

Result<LoadMeasurement> load_model(Session& session, const LoadModelOptions& options) {
    LoadMeasurement measured;
    TUFF_TRY(file, GgufFile::open(options.model));
    TUFF_TRY(model, gguf_model(file));
    TUFF_TRY(types, weight_types(model, ""));
    const Layout layout = preferred_layout(session.snapshot());
    TUFF_TRY(planned, plan_weights(model, types, layout, session.snapshot()));
    measured.weights = bytes_by_type(planned.types);
    const std::uint64_t free = session.free_bytes();
    measured.budget_bytes = std::min(options.budget.value_or(free), free);
    TUFF_TRY(residency, place_units(make_units(model, planned), measured.budget_bytes));
    measured.residency = std::move(residency);
    ModelUnits units = model_units(file, measured.residency);
    measured.left_out = std::move(units.left_out);

    TUFF_TRY(work, ReadUnits::make(session, options.passes > 0 ? largest_unit(units, layout) : 0));
    if (options.checksums)
        for (const ModelUnit& unit : units.units)
            for (std::size_t m = 0; m < unit.matrices.size(); m++)
                for (std::uint64_t e = 0; e < (unit.on_demand() ? unit.experts : 1); e++)
                    measured.checksums.emplace_back(
                        (unit.on_demand() ? expert_of(unit, e) : unit).matrices[m].name, 0);

    const std::uint64_t before = unreclaimable_bytes();
    const auto watch = [&] {
        measured.peak_bytes =
            std::max(measured.peak_bytes, host::minus_saturating(unreclaimable_bytes(), before));
    };
    LoadOptions load;
    load.way = options.way;
    load.threads = options.threads;
    load.checksums = options.checksums;
    load.progress = [&](const LoadProgress& progress) {
        watch();
        return !options.progress || options.progress(progress);
    };
    // Of experts that are resident a part as large as those that a token uses.
    const auto record = [&](host::Stream& stream, std::size_t i, std::span<const Weights> weights) {
        const PlacedUnit& unit = measured.residency.units[i];
        const bool one = unit.streamed > 0;
        return work.record(stream, weights, one ? 1 : unit.unit.used, one ? 1 : unit.unit.count);
    };
    const PlacedModel::Slots slots{static_cast<std::uint32_t>(measured.residency.slots),
                                   static_cast<std::uint32_t>(measured.residency.expert_slots)};
    TUFF_TRY(placed, PlacedModel::load(session.device(), options.model, std::move(units.units), layout, slots,
                                       {record, random_experts(measured.residency)}, load));
    watch();
    measured.load = placed.loaded();
    measured.device_bytes = placed.device_bytes();
    measured.host_bytes = placed.host_bytes();
    measured.explained_bytes = measured.load.ring_bytes + measured.host_bytes;
    const host::MemoryKind kind = host::memory_kind(session.snapshot());
    if (kind == host::MemoryKind::software || session.snapshot().card_memory_type)
        measured.explained_bytes += measured.device_bytes;
    for (std::size_t i = 0; i < measured.load.checksums.size(); i++)
        measured.checksums[i].second = measured.load.checksums[i];
    if (options.rates) {
        TUFF_TRY(read, read_alone(options.model, measured.load.way));
        TUFF_TRY(copy, copy_alone(session));
        measured.read_gbps = read;
        measured.copy_gbps = copy;
    }
    if (options.passes > 0) {
        TUFF_TRY(stream, measure_streaming(placed, options.passes, options.stop));
        measured.stream = stream;
    }
    return measured;
}

}  // namespace tuff::bench
