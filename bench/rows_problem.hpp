// One problem of rows on a device: looking up rows of weights (get_rows), turning rows into plain numbers
// (convert) or plain numbers into blocks (quantize). The same recorded work is timed and checked against the
// CPU's decoders and encoders.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "backend/copy.hpp"
#include "backend/get_rows.hpp"
#include "bench/product.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

struct RowsCase {
    Op op{};                         // get_rows, convert or quantize
    const TypeInfo* from = nullptr;  // of get_rows the weights' format
    const TypeInfo* to = nullptr;
    Layout layout = Layout::blocks;          // of get_rows: the weights' arrangement
    std::uint64_t rows = 0, elements = 0;    // of the source
    std::uint64_t ids = 0;                   // of get_rows: rows looked up; 0: all in order
    std::uint64_t from_gap = 0, to_gap = 0;  // bytes between rows; of get_rows only the second
    bool hostile = false;                    // arbitrary bits, or numbers that are hard to quantize

    // The type that is not plain, or of plain ones the source's: what the case is listed under.
    [[nodiscard]] const TypeInfo& listed() const { return op == Op::quantize ? *to : *from; }
    [[nodiscard]] std::string text() const;  // "4096x14336", "512 of 32768x4096"
    // Without figures.
    [[nodiscard]] CaseResult describe() const;
};

using RowsPlan = std::variant<GetRowsPlan, CopyPlan>;

// The errors of plan_get_rows and plan_copy.
Result<RowsPlan> plan_rows(const host::DeviceSnapshot& device, const RowsCase& one);
[[nodiscard]] const std::string& kernel_of(const RowsPlan& plan);

// Move-only.
class RowsProblem {
  public:
    // Errors of plan_rows; out_of_device_memory. As many sources as together fill `rotation_bytes`, counting
    // of a look-up only the rows it touches.
    static Result<RowsProblem> create(Session& session, const RowsCase& one, std::uint64_t seed,
                                      std::uint64_t rotation_bytes);

    [[nodiscard]] std::string describe() const;
    [[nodiscard]] std::size_t sets() const { return sets_.size(); }
    // That one execution has to read and to write: rows as files store them, ids, results.
    [[nodiscard]] std::uint64_t moved_bytes() const;
    [[nodiscard]] std::uint64_t rotation_bytes() const { return sets_.size() * read_bytes(); }

    // Appends one execution; all sets write the same destination.
    Result<void> record(host::Stream& stream, std::size_t set);

    // Compares what the last execution, on set `set`, wrote with the reference, as far as `most_elements` go
    // (the first and the last row always), and everything around it with what was there before. Results are
    // equal in bits, but for the payload of NaNs, the sign of zeros and results below the normal numbers that
    // a device may flush to zero.
    Result<Check> check(std::size_t set, std::uint64_t most_elements) const;

  private:
    struct Set {
        std::size_t source = 0;  // index in weights_ or sources_
        std::vector<std::int32_t> ids;
        host::Buffer id_buffer;
    };

    RowsProblem(Session& session, const RowsCase& one, RowsPlan plan, std::uint64_t seed);
    Result<void> make(std::uint64_t rotation_bytes);
    Result<void> add_source();
    Result<void> add_set(std::uint64_t first_id);
    [[nodiscard]] std::uint64_t results() const { return case_.ids > 0 ? case_.ids : case_.rows; }
    [[nodiscard]] std::uint64_t read_bytes() const;
    [[nodiscard]] std::uint64_t to_stride() const;
    [[nodiscard]] std::uint64_t to_offset() const;
    [[nodiscard]] std::vector<std::byte> expected_row(std::uint64_t source_row) const;

    Session* session_;
    RowsCase case_;
    RowsPlan plan_;
    std::uint64_t seed_;
    std::uint64_t from_row_, to_row_;  // bytes of a row
    std::vector<std::byte> dense_;     // the source's rows
    std::vector<Weights> weights_;     // of get_rows
    std::vector<host::Buffer> sources_;
    std::vector<Set> sets_;
    host::Buffer y_;
};

}  // namespace tuff::bench
