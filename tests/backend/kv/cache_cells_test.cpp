#include "backend/kv/cache_cells.hpp"

#include <gtest/gtest.h>

#include <map>

#include "backend/kv/append.hpp"

namespace tuff::test {
namespace {

TEST(CacheCells, AreThoseOfTheSequencesRegion) {
    const CacheRegions body{64, 3, 0, false}, sinks{8, 3, 8, false}, ring{32, 3, 0, true};
    EXPECT_EQ(body.cell(2, 5), 133U);
    EXPECT_EQ(sinks.cell(1, 7), 15U);
    EXPECT_EQ(sinks.cell(1, 8), kNoCell);
    EXPECT_EQ(ring.cell(1, 70), 32U + 6);
}

TEST(CacheCells, FormTwoSpansWhereARingGoesRound) {
    const CacheRegions ring{32, 2, 0, true};
    const CacheRegions::Spans whole = ring.spans(1, 0, 20, 19), round = ring.spans(1, 24, 45, 44);
    EXPECT_EQ(whole.first, (CacheSpan{20, 32, 0, 19}));
    EXPECT_EQ(whole.second.cells, 0U);
    EXPECT_EQ(round.first, (CacheSpan{8, 32 + 24, 24, 44}));
    EXPECT_EQ(round.second, (CacheSpan{13, 32, 32, 44}));
}

// Every token that a query may see is in exactly one part, in a cell that still holds it.
void check_division(std::uint64_t window, std::uint64_t sinks, std::uint64_t recent, std::uint64_t batch) {
    const std::uint64_t length = 200;
    const auto round = [](std::uint64_t n) { return static_cast<std::uint32_t>((n + 7) / 8 * 8); };
    const CacheRegions body{window > 0 ? round(window + batch) + 8 : 256, 1, 0, window > 0},
        last{round(recent + batch) + 8, 1, 0, true};
    for (std::uint64_t query = 0; query < length; query += batch) {
        const std::uint64_t end = query + batch;
        const CacheDivision d = divide_cache(query, end, window, sinks, recent);
        EXPECT_EQ(d.body_begin % 8, 0U);
        std::map<std::uint64_t, int> seen;
        const auto add = [&](const CacheRegions& regions, std::uint64_t from, std::uint64_t to) {
            const CacheRegions::Spans spans = regions.spans(0, from, to, query);
            for (const CacheSpan& span : {spans.first, spans.second}) {
                EXPECT_EQ(span.first_cell % 8, 0U);
                EXPECT_LE(span.first_cell + span.cells, regions.region);
                for (std::uint64_t i = 0; i < span.cells; i++) {
                    const std::uint64_t token = span.first_position + i;
                    EXPECT_EQ(regions.cell(0, token), span.first_cell + i);
                    EXPECT_TRUE(!regions.ring || token + regions.region >= end) << "overwritten";
                    seen[token]++;
                }
            }
        };
        for (std::uint64_t token = 0; token < d.sinks_end; token++) seen[token]++;
        add(body, d.body_begin, std::min(d.recent_begin, end));
        if (recent > 0) add(last, d.recent_begin, end);
        for (std::uint64_t token = window > 0 && query + 1 > window ? query + 1 - window : 0; token < end;
             token++)
            EXPECT_EQ(seen[token], 1) << token << " of " << end << ", window " << window;
    }
}

TEST(CacheCells, CoverWhatEveryQuerySeesOnce) {
    for (const std::uint64_t window : {0, 1, 20, 64})
        for (const std::uint64_t sinks : {0, 8})
            for (const std::uint64_t recent : {0, 5, 64})
                for (const std::uint64_t batch : {1, 7, 32}) check_division(window, sinks, recent, batch);
}

}  // namespace
}  // namespace tuff::test
