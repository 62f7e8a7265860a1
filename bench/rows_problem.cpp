#include "bench/rows_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/formats/plain.hpp"
#include "backend/half.hpp"
#include "backend/quantize/encoder.hpp"
#include "bench/operands.hpp"
#include "bench/random.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

constexpr std::byte kUntouched{0xa5};
constexpr std::uint64_t kGuardBytes = 256;
constexpr std::size_t kMostSets = 512;

// Rows that are hard to quantize: blocks of zeros of both signs, of one value, of ties between two codes,
// with a peak of each sign, and of sizes from 2^-40 to beyond a half's.
float hostile_number(std::uint64_t block, std::uint64_t i, float scale, float ordinary, float largest) {
    switch (block % 7) {
        case 0:
            return i % 3 ? 0.0F : -0.0F;
        case 1:
            return 3.25F;
        case 2:
            return i == 7 ? 127 : static_cast<float>(i) - 15.5F;
        case 3:
            return i == 9 ? 8 : i == 4 ? -8 : ordinary;
        case 4:
            return std::clamp(ordinary * 1e7F, -largest, largest);
        default:
            return ordinary * scale;
    }
}

// Finite numbers of a plain type.
std::vector<std::byte> plain_rows(const TypeInfo& type, std::uint64_t count, bool hostile, Random& random) {
    std::vector<float> values(count);
    const Encoder& encoder = *find_encoder(type.id);
    float scale = 1;
    for (std::uint64_t i = 0; i < count; i++) {
        if (i % kGroupElements == 0) scale = std::exp2(static_cast<float>(random.below(60)) - 40.0F);
        const float ordinary = random.uniform(-1, 1);
        values[i] = hostile ? hostile_number(i / kGroupElements, i % kGroupElements, scale, ordinary,
                                             std::min(encoder.largest, 65504.0F * 300))
                            : ordinary;
    }
    std::vector<std::byte> rows(count * type.block_bytes);
    encoder.encode(values.data(), count, nullptr, rows.data());
    return rows;
}

// Dense rows `stride` bytes apart after `offset` bytes; all else is kUntouched.
std::vector<std::byte> spread(std::span<const std::byte> dense, std::uint64_t row, std::uint64_t stride,
                              std::uint64_t offset) {
    const std::uint64_t rows = dense.size() / row;
    std::vector<std::byte> out(offset + (rows - 1) * stride + row + kGuardBytes, kUntouched);
    for (std::uint64_t r = 0; r < rows; r++)
        std::ranges::copy(dense.subspan(r * row, row),
                          out.begin() + static_cast<std::ptrdiff_t>(offset + r * stride));
    return out;
}

Result<host::Buffer> upload(Session& session, std::span<const std::byte> bytes, std::string_view label) {
    TUFF_TRY(buffer, session.device().allocate(host::Intent::scratch, bytes.size(), label));
    TUFF_CHECK(host::upload(session.device(), buffer, 0, bytes));
    return std::move(buffer);
}

// `any_infinite`: whatever is not finite will do for what is not.
bool same_number(float got, float wanted, bool any_infinite) {
    if (any_infinite && !std::isfinite(wanted)) return !std::isfinite(got);
    return got == wanted || (std::isnan(got) && std::isnan(wanted)) ||
           (got == 0 && std::fabs(wanted) < std::numeric_limits<float>::min());
}

// Empty where the rows are the same; else where they first differ. Plain numbers are compared as such.
std::string difference(const TypeInfo& type, std::span<const std::byte> got,
                       std::span<const std::byte> wanted, bool any_infinite) {
    const bool plain = is_plain(type);
    const auto [differs, original] = std::ranges::mismatch(got, wanted);
    if (differs == got.end()) return "";
    if (!plain)
        return fmt::format("byte {} is {:#04x}, not {:#04x}", differs - got.begin(),
                           std::to_integer<int>(*differs), std::to_integer<int>(*original));
    const std::uint64_t elements = got.size() / type.block_bytes;
    std::vector<float> a(elements), b(elements);
    find_format(type.id)->decode(got.data(), elements, a.data());
    find_format(type.id)->decode(wanted.data(), elements, b.data());
    const auto [number, other] =
        std::ranges::mismatch(a, b, [&](float x, float y) { return same_number(x, y, any_infinite); });
    if (number == a.end()) return "";
    return fmt::format("element {} is {}, not {}", number - a.begin(), *number, *other);
}

}  // namespace

std::string RowsCase::text() const {
    const std::string source = fmt::format("{}x{}", rows, elements);
    return ids > 0 ? fmt::format("{} of {}", ids, source) : source;
}

CaseResult RowsCase::describe() const {
    CaseResult result;
    result.op = op;
    result.formats = listed().name;
    result.sizes = text();
    result.label = op == Op::quantize ? fmt::format("from {}", from->name) : fmt::format("to {}", to->name);
    if (from_gap > 0 || to_gap > 0) result.label += ", apart";
    if (hostile) result.label += ", hostile";
    return result;
}

Result<RowsPlan> plan_rows(const host::DeviceSnapshot& device, const RowsCase& one) {
    if (one.op == Op::get_rows) {
        const std::uint64_t row = one.elements * one.to->block_bytes;
        TUFF_TRY(plan, plan_get_rows(device, *find_format(one.from->id), one.layout, *one.to,
                                     {one.rows, one.elements, one.ids, 1, row + one.to_gap}));
        return plan;
    }
    TUFF_TRY(from_row, row_bytes(*one.from, one.elements));
    TUFF_TRY(to_row, row_bytes(*one.to, one.elements));
    TUFF_TRY(plan, plan_copy(device, *one.from, *one.to,
                             {one.rows, one.elements, from_row + one.from_gap, to_row + one.to_gap}));
    return plan;
}

const std::string& kernel_of(const RowsPlan& plan) {
    return std::visit([](const auto& one) -> const std::string& { return one.kernel; }, plan);
}

RowsProblem::RowsProblem(Session& session, const RowsCase& one, RowsPlan plan, std::uint64_t seed)
    : session_(&session),
      case_(one),
      plan_(std::move(plan)),
      seed_(seed),
      from_row_(*row_bytes(*one.from, one.elements)),
      to_row_(*row_bytes(*one.to, one.elements)) {}

Result<RowsProblem> RowsProblem::create(Session& session, const RowsCase& one, std::uint64_t seed,
                                        std::uint64_t rotation_bytes) {
    TUFF_TRY(plan, plan_rows(session.snapshot(), one));
    RowsProblem problem(session, one, std::move(plan), seed);
    TUFF_CHECK(problem.make(rotation_bytes));
    return problem;
}

std::string RowsProblem::describe() const {
    return std::visit([](const auto& plan) { return plan.describe(); }, plan_);
}

std::uint64_t RowsProblem::read_bytes() const {
    return results() * from_row_ + case_.ids * sizeof(std::int32_t);
}

std::uint64_t RowsProblem::moved_bytes() const {
    return read_bytes() + results() * to_row_;
}

std::uint64_t RowsProblem::to_stride() const {
    return to_row_ + case_.to_gap;
}

std::uint64_t RowsProblem::to_offset() const {
    // Exactly as aligned as the op asks for, so that a kernel that assumes more is found out.
    const auto* copy = std::get_if<CopyPlan>(&plan_);
    return kGuardBytes + (copy ? copy->to_alignment : case_.to->block_bytes);
}

Result<void> RowsProblem::make(std::uint64_t rotation_bytes) {
    const MatrixShape shape{case_.rows, case_.elements, 1};
    const Format* format = find_format(case_.from->id);
    if (case_.op == Op::get_rows) TUFF_CHECK(check_fits(*session_, *format, case_.layout, shape));
    Random random(seed_);
    if (case_.op == Op::quantize) {
        dense_ = plain_rows(*case_.from, case_.rows * case_.elements, case_.hostile, random);
    } else {
        dense_ = random_weights(*format, shape, Data::ordinary, seed_);
        if (case_.hostile) random.fill(dense_);
    }
    const std::vector<std::byte> before(to_offset() + (results() - 1) * to_stride() + to_row_ + kGuardBytes,
                                        kUntouched);
    TUFF_TRY(y, upload(*session_, before, "results"));
    y_ = std::move(y);
    const std::uint64_t wanted =
        std::clamp<std::uint64_t>(ceil_div(rotation_bytes, read_bytes()), 1, kMostSets);
    // Look-ups that fit into one matrix side by side share it.
    const std::uint64_t per_source = case_.ids > 0 ? std::max<std::uint64_t>(1, case_.rows / case_.ids) : 1;
    for (std::uint64_t set = 0; set < wanted; set++) {
        if (set % per_source == 0) {
            auto added = add_source();
            if (!added && set > 0 && added.error().code == ErrorCode::out_of_device_memory) break;
            TUFF_CHECK(std::move(added));
        }
        TUFF_CHECK(add_set(set % per_source * case_.ids));
    }
    return {};
}

Result<void> RowsProblem::add_source() {
    if (const auto* copy = std::get_if<CopyPlan>(&plan_)) {
        TUFF_TRY(source,
                 upload(*session_, spread(dense_, from_row_, copy->shape.from_stride, copy->from_alignment),
                        "source"));
        sources_.push_back(std::move(source));
        return {};
    }
    const MatrixShape shape{case_.rows, case_.elements, 1};
    if (weights_.empty()) {
        TUFF_TRY(weights, Weights::upload(session_->device(), *find_format(case_.from->id), case_.layout,
                                          shape, dense_, "weights"));
        weights_.push_back(std::move(weights));
    } else {
        TUFF_TRY(weights, weights_.front().clone(session_->device(), "weights"));
        weights_.push_back(std::move(weights));
    }
    return {};
}

Result<void> RowsProblem::add_set(std::uint64_t first_id) {
    Set set;
    set.source = std::max(weights_.size(), sources_.size()) - 1;
    if (case_.ids > 0) {
        // Each row once before any comes again, in an order that no prefetcher follows.
        Random random(seed_ + 1);
        std::vector<std::int32_t> order(case_.rows);
        for (std::size_t i = 0; i < order.size(); i++) order[i] = static_cast<std::int32_t>(i);
        for (std::size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
        for (std::uint64_t i = 0; i < case_.ids; i++) set.ids.push_back(order[(first_id + i) % order.size()]);
        if (case_.hostile) {  // what is no row must become the first or the last
            for (const std::int32_t wrong :
                 {-1, std::numeric_limits<std::int32_t>::min(), static_cast<std::int32_t>(case_.rows),
                  std::numeric_limits<std::int32_t>::max()})
                set.ids[random.below(set.ids.size())] = wrong;
        }
        TUFF_TRY(buffer, upload(*session_, std::as_bytes(std::span(set.ids)), "ids"));
        set.id_buffer = std::move(buffer);
    }
    sets_.push_back(std::move(set));
    return {};
}

Result<void> RowsProblem::record(host::Stream& stream, std::size_t index) {
    const Set& set = sets_[index];
    const Operand y{&y_, to_offset()};
    if (const auto* look_up = std::get_if<GetRowsPlan>(&plan_))
        return record_get_rows(stream, session_->device(), *look_up, weights_[set.source], {&set.id_buffer},
                               y);
    const auto& copy = std::get<CopyPlan>(plan_);
    return record_copy(stream, session_->device(), copy, {&sources_[set.source], copy.from_alignment}, y);
}

std::vector<std::byte> RowsProblem::expected_row(std::uint64_t source_row) const {
    std::vector<float> values(case_.elements);
    find_format(case_.from->id)
        ->decode(dense_.data() + source_row * from_row_, case_.elements, values.data());
    std::vector<std::byte> row(to_row_);
    find_encoder(case_.to->id)->encode(values.data(), case_.elements, nullptr, row.data());
    return row;
}

Result<Check> RowsProblem::check(std::size_t set, std::uint64_t most_elements) const {
    std::vector<std::byte> y(y_.size());
    TUFF_CHECK(host::readback(session_->device(), y_, 0, y));
    const std::uint64_t count = results(), most = std::max<std::uint64_t>(2, most_elements / case_.elements);
    Random random(seed_ + 2);
    Check check;
    for (std::uint64_t i = 0; i < std::min(count, most) && check.failure.empty(); i++) {
        const std::uint64_t row = count <= most ? i : i == 0 ? 0 : i == 1 ? count - 1 : random.below(count);
        std::uint64_t source_row = row;
        if (case_.ids > 0)
            source_row = static_cast<std::uint64_t>(
                std::clamp<std::int64_t>(sets_[set].ids[row], 0, static_cast<std::int64_t>(case_.rows) - 1));
        const auto got = std::span(y).subspan(to_offset() + row * to_stride(), to_row_);
        const std::string found =
            difference(*case_.to, got, expected_row(source_row), case_.layout == Layout::lanes);
        if (!found.empty()) check.failure = fmt::format("row {}: {}", row, found);
        check.elements_checked += case_.elements;
    }
    for (std::uint64_t i = 0; i < y.size() && check.failure.empty(); i++) {
        const std::uint64_t at = i - to_offset();  // of bytes before, beyond every row
        if (i >= to_offset() && at / to_stride() < count && at % to_stride() < to_row_) {
            i += to_row_ - 1 - at % to_stride();
            continue;
        }
        if (y[i] != kUntouched)
            check.failure = fmt::format("byte {} of the destination is none of its rows', and was written",
                                        static_cast<std::int64_t>(at));
    }
    if (!check.failure.empty()) check.error_over_bound = std::numeric_limits<double>::infinity();
    return check;
}

}  // namespace tuff::bench
