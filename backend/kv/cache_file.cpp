// Saving and restoring a cache.
#include <algorithm>
#include <deque>
#include <iterator>

#include "backend/kv/cache.hpp"
#include "backend/kv/cache_image.hpp"
#include "backend/kv/saved_cache.hpp"
#include "backend/mapped_file.hpp"
#include "backend/printable.hpp"
#include "backend/text_output.hpp"

namespace tuff {

std::vector<SavedLayer> KvCache::shape() const {
    std::vector<SavedLayer> shape;
    for (const Layer& layer : layers_) {
        const Group& group = groups_[layer.group];
        const auto saved = [](const Side& side) {
            return side.format == nullptr ? SavedSide{}
                                          : SavedSide{side.format, side.rotation, side.head_dim};
        };
        shape.push_back({layer.kv_heads, group.window, static_cast<std::uint32_t>(group.parts.size()),
                         saved(layer.k), saved(layer.v)});
    }
    return shape;
}

Result<void> KvCache::save(const std::string& path) const {
    SavedCache saved{shape(), sequences_, {}};
    std::size_t per_sequence = 0;
    for (const SavedLayer& layer : saved.layers) per_sequence += layer.parts;
    saved.rows.resize(per_sequence * sequences_.size());
    std::deque<std::vector<std::byte>> kept;  // what saved.rows points to
    std::size_t slot = 0;
    for (const Layer& layer : layers_) {
        const Group& group = groups_[layer.group];
        for (std::size_t part = 0; part < group.parts.size(); part++, slot++)
            for (const Side* side : {&layer.k, &layer.v}) {
                if (side->format == nullptr) continue;
                TUFF_TRY(image, CacheImage::read(*device_, side->layouts[part], side->buffers[part]));
                for (std::uint32_t sequence = 0; sequence < sequences_.size(); sequence++) {
                    const Held range = held(group, part, sequence);
                    std::vector<std::byte>& rows = kept.emplace_back();
                    for (std::uint32_t head = 0; head < layer.kv_heads; head++)
                        for (std::uint64_t token = range.begin; token < range.end; token++)
                            std::ranges::copy(image.row(head, group.parts[part].cell(sequence, token)),
                                              std::back_inserter(rows));
                    SavedRows& out = saved.rows[sequence * per_sequence + slot];
                    out.begin = range.begin;
                    out.end = range.end;
                    (side == &layer.k ? out.k : out.v) = rows;
                }
            }
    }
    return write_text(path, saved.text());
}

// Whether a saved cache fits this one; a pure check.
Result<void> KvCache::check_fits(const SavedCache& saved, const std::string& name) const {
    if (saved.layers != shape())
        return fail(ErrorCode::usage,
                    "{}: saved from a KV cache of other layers, formats, rotations or parts", name);
    if (saved.sequences.size() > sequences_.size())
        return fail(ErrorCode::usage, "{}: {} sequences; this KV cache has {}", name, saved.sequences.size(),
                    sequences_.size());
    const SavedRows* rows = saved.rows.data();
    for (std::size_t sequence = 0; sequence < saved.sequences.size(); sequence++) {
        const std::uint64_t length = saved.sequences[sequence].size();
        if (length > options_.share())
            return fail(ErrorCode::usage, "{}: sequence {} has {} positions; this KV cache has room for {}",
                        name, sequence, length, options_.share());
        for (const Layer& layer : layers_) {
            const Group& group = groups_[layer.group];
            for (std::size_t part = 0; part < group.parts.size(); part++, rows++) {
                const CacheRegions& regions = group.parts[part];
                const std::uint64_t end =
                    regions.first_only > 0 ? std::min<std::uint64_t>(length, regions.first_only) : length;
                // A window must be whole; what is recent may be in the body alone.
                const std::uint64_t needed = !regions.ring ? 0
                                             : part == 0   ? length - std::min(length, group.window)
                                                           : end;
                if (rows->end != end || rows->begin > needed)
                    return fail(ErrorCode::usage, "{}: saved from a KV cache with other sinks or windows",
                                name);
            }
        }
    }
    return {};
}

Result<void> KvCache::restore(const std::string& path) {
    TUFF_TRY(file, MappedFile::open(path));
    const std::string name = printable(path, k_whole);
    TUFF_TRY(saved, SavedCache::parse(file.bytes(), name));
    TUFF_CHECK(check_fits(saved, name));
    const auto clear_all = [&] {
        for (std::uint32_t sequence = 0; sequence < sequences_.size(); sequence++) clear(sequence);
    };
    clear_all();
    const Result<void> restored = put(saved);
    if (!restored) clear_all();
    return restored;
}

Result<void> KvCache::put(const SavedCache& saved) {
    std::size_t per_sequence = 0, slot = 0;
    for (const SavedLayer& layer : saved.layers) per_sequence += layer.parts;
    for (std::size_t sequence = 0; sequence < saved.sequences.size(); sequence++)
        sequences_[sequence] = saved.sequences[sequence];
    for (Layer& layer : layers_) {
        Group& group = groups_[layer.group];
        for (std::size_t part = 0; part < group.parts.size(); part++, slot++) {
            const CacheRegions& regions = group.parts[part];
            for (std::size_t sequence = 0; sequence < saved.sequences.size(); sequence++)
                group.from[part][sequence] = saved.rows[sequence * per_sequence + slot].begin;
            for (Side* side : {&layer.k, &layer.v}) {
                if (side->format == nullptr) continue;
                CacheImage image(side->layouts[part]);
                const std::size_t row_bytes = side->layouts[part].row().bytes();
                for (std::uint32_t sequence = 0; sequence < saved.sequences.size(); sequence++) {
                    const SavedRows& rows = saved.rows[sequence * per_sequence + slot];
                    const Held range = held(group, part, sequence);
                    const std::span<const std::byte> bytes = side == &layer.k ? rows.k : rows.v;
                    for (std::uint32_t head = 0; head < layer.kv_heads; head++)
                        for (std::uint64_t token = range.begin; token < range.end; token++)
                            image.put(head, regions.cell(sequence, token),
                                      bytes.subspan(
                                          (head * (rows.end - rows.begin) + token - rows.begin) * row_bytes,
                                          row_bytes));
                }
                TUFF_CHECK(image.write(*device_, side->buffers[part]));
            }
        }
    }
    return {};
}

}  // namespace tuff
