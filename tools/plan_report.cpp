#include "tools/plan_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "backend/printable.hpp"
#include "host/bytes.hpp"
#include "tools/text.hpp"
#include "tools/types_table.hpp"

namespace tuff::tools {
namespace {

using Json = nlohmann::ordered_json;
using host::bytes_text;

std::string_view name_of(const CacheFormat* format) {
    return format ? format->name : "f16";
}

// What a side of the cache is really kept in, layers with guarded keys and all: "kv8" or "q4_0, f16".
std::string formats_text(const CacheSize& cache, CacheSideSize CacheLayerSize::*side) {
    std::vector<std::string_view> names;
    for (const CacheLayerSize& layer : cache.layers) {
        const CacheFormat* format = (layer.*side).format;
        if (format != nullptr && std::ranges::find(names, format->name) == names.end())
            names.push_back(format->name);
    }
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string rate_text(double tokens_per_second) {
    if (tokens_per_second <= 0) return "-";
    return tokens_per_second < 100 ? fmt::format("{:.1f}", tokens_per_second)
                                   : fmt::format("{:.0f}", tokens_per_second);
}

class Text {
  public:
    explicit Text(const PlanReport& report) : r_(report) {}

    std::string all() {
        head();
        memory();
        placement();
        speed();
        if (r_.advice) advice();
        for (const std::string& note : r_.notes) text_ += fmt::format("\nnote: {}\n", note);
        return std::move(text_);
    }

  private:
    void line(std::string_view label, std::string_view value) {
        text_ += fmt::format("{:<14} {}\n", label, value);
    }
    void bytes(std::string_view label, std::uint64_t count, std::string_view what) {
        text_ += fmt::format("  {:<12} {:>10} {:>18} B   {}", label, bytes_text(count), grouped(count), what);
        text_.erase(text_.find_last_not_of(' ') + 1);
        text_ += '\n';
    }

    void head() {
        const Hyperparameters& shape = r_.model->shape;
        line("model",
             fmt::format("{}: {}, {} layers, {} parameters", shape.name, printable(shape.architecture),
                         shape.layers.size(), grouped(r_.model->parameters())));
        line("weights", r_.weights);
        line("context",
             fmt::format("{} tokens{}, prompts in batches of {}", grouped(r_.options.context),
                         r_.options.sequences > 1 ? fmt::format(" x {} sequences", r_.options.sequences) : "",
                         r_.options.ubatch));
        line("device", r_.device);
        text_ += '\n';
    }

    void memory() {
        const WorkingMemory& w = r_.plan.working;
        bytes("weights", r_.plan.weights.file_bytes, bytes_by_type(r_.plan.weights.types));
        bytes("layout", r_.plan.layout_bytes(),
              fmt::format("what {}, buffers and tables of the cache add", r_.layout));
        bytes("cache", w.cache,
              fmt::format("k {}, v {}", formats_text(r_.plan.cache, &CacheLayerSize::k),
                          formats_text(r_.plan.cache, &CacheLayerSize::v)));
        if (w.states > 0) bytes("states", w.states, "of recurrent layers");
        bytes("scores", w.scores,
              r_.options.flash_attention ? "none with flash attention" : "flash attention is off");
        bytes("scratch", w.scratch, "packed activations and queries, partial results");
        bytes("activations", w.activations, "");
        bytes("logits", w.logits, "");
        bytes("total", r_.plan.total_bytes, "");
        text_ += '\n';
    }

    void placement() {
        const Residency& r = r_.plan.residency;
        line("budget", fmt::format("{}, of which {} are taken", bytes_text(r_.plan.budget_bytes),
                                   bytes_text(r_.plan.device_bytes)));
        if (r.streamed_units + r.host_visible_units == 0) {
            line("placement", fmt::format("all {} units on the device", r.resident_units));
        } else {
            line("placement",
                 fmt::format("{} units on the device, {} read in place from the host, {} streamed",
                             r.resident_units, r.host_visible_units, r.streamed_units));
            line("",
                 fmt::format(
                     "{} of pinned host memory{}", bytes_text(r.host_bytes),
                     r.slots + r.expert_slots > 0 ? fmt::format("; {} on the device", slots_text(r)) : ""));
            units();
        }
        line("max context", fmt::format("{} tokens of {}", grouped(r_.plan.max_context),
                                        grouped(r_.model->shape.positions)));
    }

    // Units of a kind with the same fate, one after the other, in a line: "layers 0 to 11: resident".
    void units() {
        for (const UnitKind kind :
             {UnitKind::embedding, UnitKind::layer, UnitKind::experts, UnitKind::output}) {
            std::vector<const PlacedUnit*> all;
            for (const PlacedUnit& placed : r_.plan.residency.units)
                if (placed.unit.kind == kind) all.push_back(&placed);
            for (std::size_t first = 0, end = 0; first < all.size(); first = end) {
                while (end < all.size() && fate(*all[end]) == fate(*all[first])) end++;
                line("",
                     fmt::format("  {}: {}", names(all[first]->unit, all[end - 1]->unit), fate(*all[first])));
            }
        }
    }
    static std::string names(const Unit& first, const Unit& last) {
        if (first.layer == last.layer) return first.name();
        return fmt::format("{}layers {} to {}", first.kind == UnitKind::experts ? "experts of " : "",
                           first.layer, last.layer);
    }
    // Of experts, how many of a layer's.
    static std::string fate(const PlacedUnit& placed) {
        std::vector<std::string> parts;
        const auto add = [&](std::uint64_t count, std::string_view what) {
            if (count > 0)
                parts.push_back(placed.unit.count > 1 ? fmt::format("{} {}", count, what)
                                                      : std::string(what));
        };
        add(placed.resident, "resident");
        add(placed.host_visible, "host-visible");
        add(placed.streamed, "streamed");
        return fmt::format("{}", fmt::join(parts, ", "));
    }

    void speed() {
        const auto one = [&](std::string_view label, const Speed& speed, std::string_view what) {
            if (speed.tokens_per_second > 0)
                line(label,
                     fmt::format("up to {} tokens/s{}, limited by {}", rate_text(speed.tokens_per_second),
                                 what, speed_limit_name(speed.limit)));
            else
                line(label, "not known without rates (--device, or --bandwidth and --rate)");
        };
        one("decode", r_.plan.decode, r_.options.sequences > 1 ? " in all sequences" : "");
        one("prefill", r_.plan.prefill, "");
        const DeviceRates& rates = r_.options.rates;
        if (rates.known())
            line("rates",
                 fmt::format(
                     "{:.1f} GB/s of memory, {} GFLOP/s of multiply-adds{}", rates.memory_gbps,
                     rate_text(rates.gflops),
                     rates.bus_gbps > 0 ? fmt::format(", {:.1f} GB/s to the device", rates.bus_gbps) : ""));
    }

    void advice() {
        text_ += fmt::format("\n  {:<8} {:<11} {:>9} {:>10} {:>12} {:>9} {:>9}\n", "weights", "cache k/v",
                             "ppl loss", "total", "max context", "decode/s", "prefill/s");
        for (std::size_t i = 0; i < r_.advice->candidates.size(); i++) {
            const Candidate& one = r_.advice->candidates[i];
            text_ += fmt::format(
                "{} {:<8} {:<11} {:>8.2f}% {:>10} {:>12} {:>9} {:>9}{}\n", r_.advice->start == i ? '>' : ' ',
                one.importance ? one.weights + "*" : one.weights,
                one.cache_k == one.cache_v ? one.cache_k : fmt::format("{}/{}", one.cache_k, one.cache_v),
                one.loss_percent, bytes_text(one.total_bytes), grouped(one.max_context),
                rate_text(one.decode.tokens_per_second), rate_text(one.prefill.tokens_per_second),
                !one.all_resident    ? "  streamed"
                : one.tables_on_host ? "  embedding on the host"
                                     : "");
        }
        text_ += '\n';
        for (const std::string& move : r_.advice->moves) text_ += move + '\n';
    }

    const PlanReport& r_;
    std::string text_;
};

Json number_or_null(double value) {
    return value > 0 ? Json(value) : Json(nullptr);
}

Json limit_or_null(const Speed& speed) {
    return speed.tokens_per_second > 0 ? Json(speed_limit_name(speed.limit)) : Json(nullptr);
}

Json units_json(const Residency& residency) {
    Json list = Json::array();
    for (const PlacedUnit& placed : residency.units)
        list.push_back({{"name", placed.unit.name()},
                        {"bytes", placed.unit.bytes},
                        {"count", placed.unit.count},
                        {"resident", placed.resident},
                        {"host_visible", placed.host_visible},
                        {"streamed", placed.streamed}});
    return list;
}

Json advice_json(const Advice& advice) {
    Json list = Json::array();
    for (std::size_t i = 0; i < advice.candidates.size(); i++) {
        const Candidate& one = advice.candidates[i];
        list.push_back({{"weights", one.weights},
                        {"importance_matrix", one.importance},
                        {"kv_k", one.cache_k},
                        {"kv_v", one.cache_v},
                        {"perplexity_loss_percent", one.loss_percent},
                        {"total_bytes", one.total_bytes},
                        {"device_bytes", one.device_bytes},
                        {"all_resident", one.all_resident},
                        {"tables_on_host", one.tables_on_host},
                        {"max_context", one.max_context},
                        {"decode_tps", number_or_null(one.decode.tokens_per_second)},
                        {"prefill_tps", number_or_null(one.prefill.tokens_per_second)},
                        {"start", advice.start == i}});
    }
    return {{"candidates", std::move(list)}, {"moves", advice.moves}};
}

}  // namespace

std::string plan_text(const PlanReport& report) {
    return Text(report).all();
}

std::string slots_text(const Residency& residency) {
    std::vector<std::string> parts;
    if (residency.slots > 0)
        parts.push_back(fmt::format("{} slots of {}", residency.slots, bytes_text(residency.slot_bytes)));
    if (residency.expert_slots > 0)
        parts.push_back(fmt::format("{} slots of {} for experts", residency.expert_slots,
                                    bytes_text(residency.expert_slot_bytes)));
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string plan_json(const PlanReport& r) {
    const MemoryPlan& plan = r.plan;
    const Residency& residency = plan.residency;
    Json root = {
        {"model", r.model->shape.name},
        {"architecture", r.model->shape.architecture},
        {"parameters", r.model->parameters()},
        {"weights", r.weights},
        {"context", r.options.context},
        {"sequences", r.options.sequences},
        {"ubatch", r.options.ubatch},
        {"kv_k", name_of(r.options.cache.k.format)},
        {"kv_v", name_of(r.options.cache.v.format)},
        {"flash_attention", r.options.flash_attention},
        {"device", r.device},
        {"layout", r.layout},
        {"weights_bytes", plan.weights.file_bytes},
        {"layout_bytes", plan.layout_bytes()},
        {"kv_bytes", plan.working.cache},
        {"state_bytes", plan.working.states},
        {"scores_bytes", plan.working.scores},
        {"scratch_bytes", plan.working.scratch},
        {"activation_bytes", plan.working.activations},
        {"logits_bytes", plan.working.logits},
        {"total_bytes", plan.total_bytes},
        {"budget_bytes", plan.budget_bytes},
        {"device_bytes", plan.device_bytes},
        {"host_bytes", residency.host_bytes},
        {"resident_units", residency.resident_units},
        {"host_visible_units", residency.host_visible_units},
        {"streamed_units", residency.streamed_units},
        {"slots", residency.slots},
        {"slot_bytes", residency.slot_bytes},
        {"expert_slots", residency.expert_slots},
        {"expert_slot_bytes", residency.expert_slot_bytes},
        {"max_context", plan.max_context},
        {"positions", r.model->shape.positions},
        {"decode_tps", number_or_null(plan.decode.tokens_per_second)},
        {"decode_limit", limit_or_null(plan.decode)},
        {"prefill_tps", number_or_null(plan.prefill.tokens_per_second)},
        {"prefill_limit", limit_or_null(plan.prefill)},
        {"rates",
         {{"memory_gbps", number_or_null(r.options.rates.memory_gbps)},
          {"bus_gbps", number_or_null(r.options.rates.bus_gbps)},
          {"gflops", number_or_null(r.options.rates.gflops)}}},
        {"types", types_json(plan.weights.types)},
        {"units", units_json(residency)},
        {"notes", r.notes},
    };
    if (r.advice) root["advice"] = advice_json(*r.advice);
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace tuff::tools
