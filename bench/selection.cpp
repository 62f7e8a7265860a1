#include "bench/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "backend/model/presets.hpp"
#include "backend/printable.hpp"
#include "bench/presets.hpp"

namespace tuff::bench {
namespace {

// What shows a device's strengths in a minute: plain, simple and packed formats.
constexpr std::string_view kDefaultFormats = "f16,q8_0,q4_0,q4_k,q6_k";

struct Wanted {
    std::vector<Op> ops;
    std::vector<const Format*> formats;
    std::vector<std::uint64_t> tokens;

    [[nodiscard]] bool op(Op one) const { return std::ranges::find(ops, one) != ops.end(); }
    [[nodiscard]] bool products() const { return op(Op::matvec) || op(Op::matmul); }
};

// The op that n tokens are measured as: matvec where it was asked for and takes as many, else matmul.
Result<Op> op_of(const Wanted& wanted, std::uint64_t n) {
    if (n == 0) return fail(ErrorCode::usage, "n = 0: nothing to multiply");
    if (n <= kMatvecMaxTokens && wanted.op(Op::matvec)) return Op::matvec;
    if (wanted.op(Op::matmul)) return Op::matmul;
    return fail(ErrorCode::usage, "n = {} is beyond the limit of matvec, {}; use --op matmul", n,
                kMatvecMaxTokens);
}

Result<void> check_consistent(const SelectionOptions& o, const Wanted& wanted) {
    const bool sizes = !o.m.empty() || !o.k.empty();
    if (!o.preset.empty() && !o.model.empty())
        return fail(ErrorCode::usage, "--preset and --model exclude each other");
    if (!o.preset.empty() && sizes) return fail(ErrorCode::usage, "--preset says m and k; leave -m and -k");
    if (!o.model.empty() && sizes)
        return fail(ErrorCode::usage, "the tensors of --model have their m and k; leave -m and -k");
    if (!o.tensors.empty() && o.model.empty()) return fail(ErrorCode::usage, "--tensor needs --model");
    if (o.batches != 1 && !o.model.empty())
        return fail(ErrorCode::usage, "--batches does not go with --model");
    const bool rows = std::ranges::any_of(wanted.ops, moves_rows), experts = wanted.op(Op::matmul_id);
    if ((sizes || !o.n.empty() || !o.formats.empty()) && !wanted.products() && !experts && !rows)
        return fail(ErrorCode::usage,
                    "sizes and formats are for products and rows (matvec, matmul, matmul_id, get_rows, "
                    "convert, quantize), not for --op {}",
                    o.ops);
    if (o.experts.given() && !experts)
        return fail(ErrorCode::usage, "--experts and --used are for --op matmul_id");
    if (experts && (!o.preset.empty() || !o.model.empty() || o.batches != 1))
        return fail(
            ErrorCode::usage,
            "--preset, --model and --batches do not go with --op matmul_id; use -m, -n, -k, --experts "
            "and --used");
    if (((!o.preset.empty() && !wanted.op(Op::attention)) || !o.model.empty()) && !wanted.products())
        return fail(ErrorCode::usage, "--preset and --model are for matvec and matmul, not for --op {}",
                    o.ops);
    if (!o.plain.empty() && (o.ops.empty() || !rows))
        return fail(ErrorCode::usage, "--plain is for --op get_rows, convert and quantize");
    return {};
}

// Adds the case for each count of tokens.
Result<void> add(Selection& selection, const Wanted& wanted, BenchCase one) {
    for (const std::uint64_t n : wanted.tokens) {
        TUFF_TRY(op, op_of(wanted, n));
        one.op = op;
        one.shape.n = n;
        selection.products.push_back(one);
    }
    return {};
}

Result<void> add_explicit(Selection& selection, const Wanted& wanted, const SelectionOptions& o) {
    const std::vector<std::uint64_t> ms = o.m.empty() ? std::vector<std::uint64_t>{4096} : o.m;
    const std::vector<std::uint64_t> ks = o.k.empty() ? std::vector<std::uint64_t>{4096} : o.k;
    for (const Format* format : wanted.formats)
        for (const std::uint64_t m : ms)
            for (const std::uint64_t k : ks) {
                BenchCase one;
                one.format = format;
                one.shape.m = m;
                one.shape.k = k;
                one.shape.batches = one.shape.w_batches = o.batches;
                TUFF_CHECK(matrix_bytes(*format, Layout::blocks, one.shape.weights()));
                TUFF_CHECK(add(selection, wanted, std::move(one)));
            }
    return {};
}

Result<void> add_preset(Selection& selection, const Wanted& wanted, const SelectionOptions& o) {
    TUFF_TRY(model, preset_model(o.preset));
    for (const PresetPart& part : preset_parts(model))
        for (const Format* format : wanted.formats) {
            BenchCase one;
            one.format = format;
            one.shape.m = part.m;
            one.shape.k = part.k;
            one.shape.batches = one.shape.w_batches = o.batches;
            one.label = part.name;
            if (auto bytes = matrix_bytes(*format, Layout::blocks, one.shape.weights()); !bytes)
                one.unsupported = bytes.error().message;
            TUFF_CHECK(add(selection, wanted, std::move(one)));
        }
    return {};
}

bool named(const GgufTensor& tensor, const std::vector<std::string>& parts) {
    return parts.empty() ||
           std::ranges::any_of(parts, [&](const std::string& part) { return tensor.name.contains(part); });
}

// Without names to choose by, one tensor stands for all of its type and shape.
Result<void> add_model(Selection& selection, const Wanted& wanted, const SelectionOptions& o,
                       const GgufFile& model) {
    std::map<std::tuple<const TypeInfo*, std::array<std::uint64_t, 4>>, std::pair<std::size_t, std::size_t>>
        seen;
    std::vector<std::pair<const GgufTensor*, std::size_t>> taken;  // and how many it stands for
    for (const GgufTensor& tensor : model.tensors()) {
        if (tensor.n_dims < 2 || tensor.elements == 0 || !named(tensor, o.tensors)) continue;
        const Format* format = find_format(tensor.type->id);
        if (!o.formats.empty() && std::ranges::find(wanted.formats, format) == wanted.formats.end()) continue;
        const auto [at, fresh] = seen.try_emplace({tensor.type, tensor.dims}, taken.size(), 0);
        if (fresh || !o.tensors.empty())
            taken.emplace_back(&tensor, 1);
        else
            taken[at->second.first].second++;
    }
    if (taken.empty())
        return fail(ErrorCode::usage, "{}: no matrix of the file matches what was asked for", model.name());
    for (const auto& [tensor, count] : taken) {
        BenchCase one;
        one.format = find_format(tensor->type->id);
        one.tensor = tensor;
        one.label = printable(tensor->name);
        if (count > 1) one.label += fmt::format(" and {} more", count - 1);
        one.shape.k = tensor->dims[0];
        one.shape.m = tensor->dims[1];
        one.shape.batches = one.shape.w_batches = tensor->dims[2] * tensor->dims[3];
        if (!one.format)
            one.unsupported = fmt::format("no kernel for {}", tensor->type->name);
        else if (auto bytes = matrix_bytes(*one.format, Layout::blocks, one.shape.weights()); !bytes)
            one.unsupported = bytes.error().message;
        TUFF_CHECK(add(selection, wanted, std::move(one)));
    }
    return {};
}

// Without any request: both ops at their default sizes.
Result<void> add_default(Selection& selection, Wanted wanted, const SelectionOptions& o,
                         const DefaultSizes& sizes) {
    const std::vector<Op> ops = wanted.ops;
    for (const Op op : {Op::matvec, Op::matmul}) {
        if (std::ranges::find(ops, op) == ops.end()) continue;
        SelectionOptions sized = o;
        sized.m = {op == Op::matvec ? sizes.matvec_m : sizes.matmul_m};
        sized.k = {op == Op::matvec ? sizes.matvec_k : sizes.matmul_k};
        wanted.tokens = {op == Op::matvec ? 1u : sizes.matmul_n};
        TUFF_CHECK(add_explicit(selection, wanted, sized));
    }
    return {};
}

}  // namespace

DefaultSizes default_sizes(const host::DeviceSnapshot& device) {
    DefaultSizes sizes;
    if (host::software(device) && !prefers_lanes(device)) sizes = {4096, 4096, 1024, 64, 2048};
    sizes.layout = preferred_layout(device);
    return sizes;
}

Result<Selection> select_cases(const SelectionOptions& o, const GgufFile* model, const DefaultSizes& sizes) {
    TUFF_TRY(ops, parse_ops(o.ops));
    Wanted wanted{std::move(ops), {}, o.n};
    const bool any_op = o.ops.empty();
    // What is measured without being asked for.
    if (any_op) wanted.ops = {Op::matvec, Op::matmul, Op::copy, Op::fma};
    TUFF_CHECK(check_consistent(o, wanted));
    if (wanted.products() || wanted.op(Op::matmul_id)) {
        TUFF_TRY(formats, parse_formats(o.formats.empty() && o.model.empty() ? kDefaultFormats : o.formats));
        wanted.formats = std::move(formats);
    }

    Selection selection;
    const bool sized = !o.m.empty() || !o.k.empty() || !o.n.empty() || !o.preset.empty() || !o.model.empty();
    // Who asks for certain products wants those; the roofs still stand in every report.
    for (const Op op : wanted.ops)
        if (!(any_op && sized && (op == Op::copy || op == Op::fma))) selection.ops.push_back(op);
    for (const Op op : wanted.ops) {
        if (!moves_rows(op)) continue;
        TUFF_TRY(rows, select_rows(op, {o.formats, o.plain, o.m, o.k, o.n, sizes.layout, sizes.matmul_m,
                                        sizes.matmul_k, sizes.matmul_n}));
        selection.rows.insert(selection.rows.end(), rows.begin(), rows.end());
    }
    if (wanted.op(Op::matmul_id)) {
        const std::vector<std::uint64_t> tokens =
            o.n.empty() ? std::vector<std::uint64_t>{1, sizes.matmul_n} : o.n;
        TUFF_TRY(cases, select_experts(o.experts, wanted.formats, o.m, tokens, o.k, sizes.layout));
        selection.experts = std::move(cases);
    }
    if (!wanted.products()) return selection;
    if (wanted.tokens.empty()) wanted.tokens = {wanted.op(Op::matvec) ? 1u : sizes.matmul_n};
    if (model != nullptr) {
        TUFF_CHECK(add_model(selection, wanted, o, *model));
    } else if (!o.preset.empty()) {
        TUFF_CHECK(add_preset(selection, wanted, o));
    } else if (sized) {
        TUFF_CHECK(add_explicit(selection, wanted, o));
    } else {
        TUFF_CHECK(add_default(selection, std::move(wanted), o, sizes));
    }
    return selection;
}

}  // namespace tuff::bench
