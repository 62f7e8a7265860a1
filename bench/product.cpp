#include "bench/product.hpp"

#include <tuff/log.hpp>

#include <algorithm>
#include <utility>

#include "backend/arithmetic.hpp"
#include "bench/check.hpp"
#include "host/bytes.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

constexpr std::uint64_t kGuardFloats = 256;
constexpr std::size_t kMostSets = 512;

void log_placed(const host::Buffer& buffer) {
    log(LogLevel::info, "{}: {} in heap {}, {}{}", buffer.label(), host::bytes_text(buffer.size()),
        buffer.where().heap, buffer.where().wish, buffer.where().slow ? " (slow)" : "");
}

}  // namespace

Result<void> accept(const Check& check, CaseResult& result) {
    result.error_over_bound = check.error_over_bound;
    result.elements_checked = check.elements_checked;
    if (!check.failure.empty()) return fail(ErrorCode::internal, "{}", check.failure);
    return {};
}

Result<void> check_fits(const Session& session, const Format& format, Layout layout,
                        const MatrixShape& shape) {
    TUFF_TRY(bytes, matrix_bytes(format, layout, shape));
    std::uint64_t limit = 0;
    for (const host::Heap& heap : session.snapshot().heaps) limit = std::max(limit, heap.bytes);
    if (bytes * shape.batches > limit)
        return fail(ErrorCode::out_of_device_memory,
                    "{} of {} weights are more than the {} that {} can hold at once ({} free)",
                    host::bytes_text(bytes * shape.batches), format.name, host::bytes_text(limit),
                    session.snapshot().name, host::bytes_text(session.free_bytes()));
    return {};
}

std::uint64_t Product::x_offset() const {
    // Exactly as aligned as the shape says, so that a kernel that assumes more is found out.
    return plan_.shape.x_alignment < 16 ? plan_.shape.x_alignment : 0;
}

Result<Product> Product::create(Session& session, const Format& format, MatmulPlan plan,
                                std::span<const std::byte> blocks, std::span<const float> x,
                                std::uint64_t rotation_bytes) {
    Product product(session, format, std::move(plan), blocks, x);
    TUFF_CHECK(product.add_first());
    const std::uint64_t set_bytes = std::max<std::uint64_t>(product.rotation_bytes(), 1);
    const std::uint64_t wanted = std::clamp<std::uint64_t>(ceil_div(rotation_bytes, set_bytes), 1, kMostSets);
    while (product.sets() < wanted) {
        auto added = product.add_copy();
        if (added) continue;
        if (added.error().code != ErrorCode::out_of_device_memory) return pass(std::move(added));
        log(LogLevel::warning, "operands rotate over {} only: {}", host::bytes_text(product.rotation_bytes()),
            added.error().message);
        break;
    }
    return product;
}

Result<void> Product::add_first() {
    host::Device& device = session_->device();
    const MatmulShape& s = plan_.shape;
    TUFF_CHECK(check_fits(*session_, *format_, algorithm_layout(plan_.algorithm), s.weights()));
    TUFF_TRY(weights, Weights::upload(device, *format_, algorithm_layout(plan_.algorithm), s.weights(),
                                      blocks_, "weights"));
    TUFF_TRY(x, device.allocate(host::Intent::scratch,
                                x_offset() + x_.size_bytes() + kGuardFloats * sizeof(float), "activations"));
    TUFF_CHECK(host::fill(device, x, 0, x.size(), kPoison));
    TUFF_CHECK(host::upload(device, x, x_offset(), std::as_bytes(x_)));
    TUFF_TRY(y, device.allocate(host::Intent::scratch, (s.y_floats() + 2 * kGuardFloats) * sizeof(float),
                                "results"));
    TUFF_TRY(scratch, device.allocate(host::Intent::scratch, plan_.scratch_bytes, "scratch"));
    y_ = std::move(y);
    scratch_ = std::move(scratch);
    sets_.push_back({std::move(weights), std::move(x)});
    for (const Weights::Shard& shard : sets_[0].weights.shards) log_placed(shard.buffer);
    for (const host::Buffer* buffer : {&sets_[0].x, &y_}) log_placed(*buffer);
    return poison();
}

Result<void> Product::add_copy() {
    host::Device& device = session_->device();
    const Set& first = sets_.front();
    TUFF_TRY(w, first.weights.clone(device, "weights"));
    TUFF_TRY(x, device.allocate(host::Intent::scratch, first.x.size(), "activations"));
    host::Stream stream(device, "copy of operands");
    TUFF_CHECK(stream.copy(first.x, 0, x, 0, x.size()));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.run());
    sets_.push_back({std::move(w), std::move(x)});
    return {};
}

std::uint64_t Product::rotation_bytes() const {
    return sets_.size() * (sets_.front().weights.bytes() + sets_.front().x.size());
}

Result<void> Product::record(host::Stream& stream, std::size_t set) {
    return record_matmul(stream, session_->device(), plan_, sets_[set].weights, {&sets_[set].x, x_offset()},
                         {&y_, kGuardFloats * sizeof(float)}, {&scratch_, 0});
}

Result<void> Product::poison() {
    TUFF_CHECK(host::fill(session_->device(), y_, 0, y_.size(), kPoison));
    return host::fill(session_->device(), scratch_, 0, scratch_.size() / 4 * 4, kPoison);
}

Result<Check> Product::check(const CheckOptions& options) {
    std::vector<float> y(y_.size() / sizeof(float));
    TUFF_CHECK(host::readback(session_->device(), y_, 0, std::as_writable_bytes(std::span(y))));
    return check_product(*format_, plan_, blocks_, x_, y, kGuardFloats, options);
}

Result<void> Product::check_weights() {
    const Weights& weights = sets_.front().weights;
    TUFF_TRY(bytes, matrix_bytes(*format_, Layout::blocks, weights.shape));
    std::vector<std::byte> blocks(bytes * weights.shape.batches);
    TUFF_CHECK(weights.download(session_->device(), blocks));
    const auto [differs, original] = std::ranges::mismatch(blocks, blocks_);
    if (differs == blocks.end()) return {};
    return fail(ErrorCode::internal,
                "byte {} of the weights is {:#04x} after upload and download, not {:#04x}",
                differs - blocks.begin(), std::to_integer<int>(*differs), std::to_integer<int>(*original));
}

}  // namespace tuff::bench
