#include "tools/load_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "backend/printable.hpp"
#include "bench/clock.hpp"
#include "bench/progress.hpp"
#include "host/bytes.hpp"
#include "tools/plan_report.hpp"
#include "tools/text.hpp"

namespace tuff::tools {
namespace {

using Json = nlohmann::ordered_json;
using host::bytes_text;

std::string hex(std::uint64_t checksum) {
    return fmt::format("{:016x}", checksum);
}

class Text {
  public:
    explicit Text(const LoadModelReport& report) : r_(report), m_(report.measured) {}

    std::string all() {
        line("model", fmt::format("{}: {}", printable(r_.model, k_whole), m_.weights));
        line("device", r_.device);
        line("way", fmt::format("{}: {}", load_way_name(m_.load.way), m_.load.why));
        line("loaded", fmt::format("{} in {:.2f} s, {:.2f} GB/s, arranged as {}", bytes_text(m_.load.bytes),
                                   m_.load.seconds, m_.gbps(), r_.layout));
        if (m_.share_of_slower() > 0)
            line("rates", fmt::format("{:.2f} GB/s reading alone, {:.2f} GB/s copying to the device alone: "
                                      "{:.0f} % of the slower",
                                      m_.read_gbps, m_.copy_gbps, 100 * m_.share_of_slower()));
        placement();
        memory();
        stream();
        for (const auto& [name, checksum] : m_.checksums)
            text_ += fmt::format("{}  {}\n", hex(checksum), printable(name, k_whole));
        if (!m_.left_out.empty())
            text_ +=
                fmt::format("\nnote: no kernel reads the types of {} tensors, which are left out: {}\n",
                            m_.left_out.size(), printable(fmt::format("{}", fmt::join(m_.left_out, ", "))));
        return std::move(text_);
    }

  private:
    void line(std::string_view label, std::string_view value) {
        text_ += fmt::format("{:<10} {}\n", label, value);
    }

    void placement() {
        const Residency& p = m_.residency;
        line("units",
             fmt::format("{} resident, {} host-visible, {} streamed, in a budget of {}", p.resident_units,
                         p.host_visible_units, p.streamed_units, bytes_text(m_.budget_bytes)));
        line("", fmt::format("{} of device memory{}, {} pinned on the host", bytes_text(m_.device_bytes),
                             p.slots + p.expert_slots > 0 ? fmt::format(", {} in it", slots_text(p)) : "",
                             bytes_text(m_.host_bytes)));
    }

    void memory() {
        if (m_.peak_bytes == 0 || m_.explained_bytes == 0) return;
        line("host peak",
             fmt::format("{}: {:.2f} of the {} that rings ({}) and what stays in host memory take",
                         bytes_text(m_.peak_bytes),
                         static_cast<double>(m_.peak_bytes) / static_cast<double>(m_.explained_bytes),
                         bytes_text(m_.explained_bytes), bytes_text(m_.load.ring_bytes)));
    }

    void stream() {
        if (!m_.stream) return;
        const bench::StreamRates& s = *m_.stream;
        if (s.bytes == 0) {
            line("pass", fmt::format("{:.1f} ms to read every unit once, nothing copied", s.both_s * 1e3));
        } else {
            line("stream",
                 fmt::format("{} a pass at {:.2f} GB/s beside kernels that read it; {:.2f} GB/s alone",
                             bytes_text(s.bytes), s.gbps(), s.copy_gbps()));
            line("",
                 fmt::format("{:.1f} ms a pass: copies alone {:.1f}, kernels alone {:.1f}; overlap {:.2f}{}",
                             s.both_s * 1e3, s.copy_s * 1e3, s.compute_s * 1e3, s.overlap(),
                             r_.transfer_queue ? "" : " (one queue: they take turns)"));
        }
        if (s.expert_hits + s.expert_misses > 0)
            line("experts",
                 fmt::format("chosen at random: {:.1f} % of {} found in the {} slots for them",
                             100 * s.hit_rate(), s.expert_hits + s.expert_misses, m_.residency.expert_slots));
    }

    const LoadModelReport& r_;
    const bench::LoadMeasurement& m_;
    std::string text_;
};

Json or_null(double value) {
    return value > 0 ? Json(value) : Json(nullptr);
}

Json stream_json(const std::optional<bench::StreamRates>& stream) {
    if (!stream) return nullptr;
    return {{"passes", stream->passes}, {"bytes", stream->bytes},
            {"gbps", stream->gbps()},   {"copy_gbps", stream->copy_gbps()},
            {"copy_s", stream->copy_s}, {"compute_s", stream->compute_s},
            {"both_s", stream->both_s}, {"overlap", stream->overlap()}};
}

}  // namespace

std::string progress_text(const LoadProgress& progress) {
    return fmt::format("{}  {} of {}  {:.2f} GB/s",
                       bench::progress_bar(progress.done_bytes, progress.all_bytes),
                       bytes_text(progress.done_bytes), bytes_text(progress.all_bytes),
                       bench::gbps_of(progress.done_bytes, progress.seconds));
}

std::string load_text(const LoadModelReport& report) {
    return Text(report).all();
}

std::string load_json(const LoadModelReport& r) {
    const bench::LoadMeasurement& m = r.measured;
    Json checksums = Json::array();
    for (const auto& [name, checksum] : m.checksums)
        checksums.push_back({{"tensor", name}, {"xxh64", hex(checksum)}});
    const Json root = {
        {"model", r.model},
        {"weights", m.weights},
        {"device", r.device},
        {"layout", r.layout},
        {"way", load_way_name(m.load.way)},
        {"why", m.load.why},
        {"bytes", m.load.bytes},
        {"seconds", m.load.seconds},
        {"gbps", m.gbps()},
        {"read_gbps", or_null(m.read_gbps)},
        {"copy_gbps", or_null(m.copy_gbps)},
        {"share_of_slower", or_null(m.share_of_slower())},
        {"budget_bytes", m.budget_bytes},
        {"device_bytes", m.device_bytes},
        {"host_bytes", m.host_bytes},
        {"ring_bytes", m.load.ring_bytes},
        {"peak_host_bytes", m.peak_bytes > 0 ? Json(m.peak_bytes) : Json(nullptr)},
        {"explained_host_bytes", m.explained_bytes},
        {"resident_units", m.residency.resident_units},
        {"host_visible_units", m.residency.host_visible_units},
        {"streamed_units", m.residency.streamed_units},
        {"slots", m.residency.slots},
        {"slot_bytes", m.residency.slot_bytes},
        {"expert_slots", m.residency.expert_slots},
        {"expert_slot_bytes", m.residency.expert_slot_bytes},
        {"expert_hits", m.stream ? Json(m.stream->expert_hits) : Json(nullptr)},
        {"expert_misses", m.stream ? Json(m.stream->expert_misses) : Json(nullptr)},
        {"transfer_queue", r.transfer_queue},
        {"stream", stream_json(m.stream)},
        {"checksums", std::move(checksums)},
        {"left_out", m.left_out},
    };
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace tuff::tools
