#include "bench/rates.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bench/clock.hpp"
#include "bench/roof.hpp"
#include "bench/rotation.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

constexpr TimingOptions kShort{3, 0.1};

Result<double> upload_gbps(Session& session) {
    constexpr std::uint64_t kBytes = std::uint64_t{32} << 20;
    const std::vector<std::byte> from(std::min(kBytes, session.free_bytes() / 4), std::byte{1});
    TUFF_TRY(buffer, session.device().allocate(host::Intent::weights, from.size(), "memory to upload to"));
    double best = 0;
    for (int i = 0; i < 4; i++) {  // the first one touches the memory
        const auto start = Clock::now();
        TUFF_CHECK(host::upload(session.device(), buffer, 0, from));
        best = std::max(best, gbps_of(from.size(), seconds_since(start)));
    }
    return best;
}

}  // namespace

Result<DeviceRates> measure_rates(Session& session, DeviceRates given) {
    Roofs roofs;
    if (given.memory_gbps <= 0) {
        const Rotation rotation =
            choose_rotation(session.snapshot(), session.free_bytes(), cpu_cache_bytes());
        TUFF_CHECK(measure_memory(session, rotation.bytes, kShort, roofs));
        given.memory_gbps = roofs.gbps();
    }
    if (given.gflops <= 0) {
        TUFF_CHECK(measure_fma(session, kShort, roofs));
        given.gflops = roofs.gflops;
    }
    if (given.bus_gbps <= 0) {
        TUFF_TRY(bus, upload_gbps(session));
        given.bus_gbps = bus;
    }
    return given;
}

}  // namespace tuff::bench
