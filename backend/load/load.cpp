#include "backend/load/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "backend/load/slice_reader.hpp"
#include "backend/load/uploader.hpp"
#include "backend/load/xxh64.hpp"
#include "backend/printable.hpp"
#include "host/import.hpp"

namespace tuff {
namespace {

class Load {
  public:
    Load(host::Device& device, std::span<const LoadTask> tasks, const LoadOptions& options)
        : device_(device),
          tasks_(tasks),
          options_(options),
          threads_(options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency())),
          slices_(cut(tasks, options.slice_bytes)) {}

    Result<LoadReport> run(const std::string& path, const ChosenWay& chosen) {
        const auto start = std::chrono::steady_clock::now();
        const auto seconds = [&] {
            return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        };
        LoadReport report{chosen.way, chosen.why, slices_.bytes, 0, 0, {}};
        if (slices_.all.empty()) return report;
        TUFF_TRY(source, FileSource::open(path, read_way(chosen.way)));
        const std::uint64_t alignment =
            chosen.way == LoadWay::import ? host::import_alignment(device_.snapshot()) : 0;
        TUFF_TRY(reader, SliceReader::create(std::move(source), slices_, alignment));
        reader_.emplace(std::move(reader));
        report.ring_bytes = reader_->bytes();
        TUFF_CHECK(prepare_ways_to_device(chosen.way, report));
        reader_->start();
        std::uint64_t done = 0;
        Xxh64 sum;
        for (std::size_t i = 0; i < slices_.all.size(); i++) {
            const Slice& slice = slices_.all[i];
            TUFF_TRY(read, reader_->next());
            TUFF_TRY(in_use, store(slice, read));
            if (options_.checksums) {
                sum.add(read.bytes);
                const bool ends = i + 1 == slices_.all.size() || slices_.all[i + 1].task != slice.task;
                if (ends) report.checksums.push_back(std::exchange(sum, {}).value());
            }
            if (!in_use) reader_->free(read.slot);
            done += slice.bytes;
            if (options_.progress && !options_.progress({done, slices_.bytes, seconds()}))
                return fail(ErrorCode::cancelled, "the load was cancelled after {} of {} bytes", done,
                            slices_.bytes);
        }
        if (busy_) TUFF_CHECK(busy_->copy.wait());
        if (uploader_) TUFF_CHECK(uploader_->drain());
        report.seconds = seconds();
        return report;
    }

  private:
    // A slot of the reader's ring that the device is still copying from.
    struct Busy {
        std::size_t slot;
        host::Stream copy;
    };

    Result<void> prepare_ways_to_device(LoadWay way, LoadReport& report) {
        if (slices_.most_staged == 0) return {};  // everything is written in place
        const bool as_they_are = std::ranges::any_of(
            tasks_, [](const LoadTask& task) { return task.to->layout == Layout::blocks; });
        if (way == LoadWay::import && as_they_are)
            if (const Result<void> imported = import_ring(); !imported) {
                imported_.clear();
                if (options_.way) return imported;  // asked for
                report.why += fmt::format("; blocks are copied all the same: {}", imported.error().message);
            }
        TUFF_TRY(uploader, Uploader::create(device_, slices_.most_staged));
        report.ring_bytes += uploader.bytes();
        uploader_.emplace(std::move(uploader));
        return {};
    }

    Result<void> import_ring() {
        for (std::size_t i = 0; i < SliceReader::kSlots; i++) {
            TUFF_TRY(buffer, host::import_host(device_, reader_->pages(i), "blocks read"));
            imported_.push_back(std::move(buffer));
        }
        return {};
    }

    // Where arranged rows of a slice go within its shard's buffer.
    static std::vector<RowsPiece> pieces(const Weights& w, const Slice& slice) {
        const MatrixShape matrix{w.shards[slice.shard].range.rows, w.shape.elements, 1};
        std::vector<RowsPiece> pieces = rows_pieces(*w.format, w.layout, matrix, slice.first_row, slice.rows);
        for (RowsPiece& piece : pieces) piece.to += slice.batch * *matrix_bytes(*w.format, w.layout, matrix);
        return pieces;
    }

    // Whether the device still reads the slot.
    Result<bool> store(const Slice& slice, const ReadSlice& read) {
        Weights& w = *tasks_[slice.task].to;
        host::Buffer& buffer = w.shards[slice.shard].buffer;
        const MatrixShape matrix{w.shards[slice.shard].range.rows, w.shape.elements, 1};
        if (buffer.in_place()) {
            const std::uint64_t bytes = *matrix_bytes(*w.format, w.layout, matrix);
            arrange_rows(*w.format, w.layout, matrix, slice.first_row, slice.rows, read.bytes.data(),
                         buffer.mapped().subspan(slice.batch * bytes, bytes), threads_);
            return false;
        }
        if (!imported_.empty() && w.layout == Layout::blocks) {
            TUFF_CHECK(copy_as_it_is(slice, read, buffer));
            return true;
        }
        const MatrixShape part{slice.rows, w.shape.elements, 1};
        const std::uint64_t bytes = *matrix_bytes(*w.format, w.layout, part);
        TUFF_TRY(slot, uploader_->acquire());
        if (uploader_->cached()) {
            arrange(*w.format, w.layout, part, read.bytes.data(), slot.first(bytes), threads_);
        } else {
            // Several planes at once, and threads, would make write-combined memory slow: one copy does not.
            arranged_.resize(bytes);
            arrange(*w.format, w.layout, part, read.bytes.data(), arranged_, threads_);
            std::ranges::copy(arranged_, slot.begin());
        }
        TUFF_CHECK(uploader_->send(buffer, pieces(w, slice)));
        return false;
    }

    // The device copies from where the file was read to.
    Result<void> copy_as_it_is(const Slice& slice, const ReadSlice& read, host::Buffer& to) {
        host::Stream stream(device_, "loading", host::Queue::transfer);
        const auto skip = static_cast<std::uint64_t>(read.bytes.data() - reader_->pages(read.slot).data());
        const RowsPiece piece = pieces(*tasks_[slice.task].to, slice).front();
        TUFF_CHECK(stream.copy(imported_[read.slot], skip, to, piece.to, piece.bytes));
        TUFF_CHECK(stream.finish());
        TUFF_CHECK(stream.submit());
        // The slot before this one is free once its copy is over; meanwhile this one is copied.
        if (busy_) {
            TUFF_CHECK(busy_->copy.wait());
            reader_->free(busy_->slot);
        }
        busy_.emplace(read.slot, std::move(stream));
        return {};
    }

    host::Device& device_;
    std::span<const LoadTask> tasks_;
    const LoadOptions& options_;
    unsigned threads_;
    Slices slices_;
    std::optional<SliceReader> reader_;
    std::vector<host::Buffer> imported_;  // over the reader's ring, so they go before it
    std::optional<Uploader> uploader_;
    std::vector<std::byte> arranged_;
    std::optional<Busy> busy_;
};

}  // namespace

Result<LoadReport> load_weights(host::Device& device, const std::string& path,
                                std::span<const LoadTask> tasks, const LoadOptions& options) {
    const ChosenWay chosen =
        options.way ? ChosenWay{*options.way, "asked for"} : choose_load_way(device, path);
    try {
        return Load(device, tasks, options).run(path, chosen);
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::out_of_memory, "not enough host memory to load {}", printable(path, k_whole));
    } catch (const std::system_error& error) {
        return fail(ErrorCode::internal, "loading {}: {}", printable(path, k_whole), error.what());
    }
}

}  // namespace tuff
