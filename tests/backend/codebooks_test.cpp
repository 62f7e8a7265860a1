#include "backend/formats/codebooks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>

namespace tuff::test {
namespace {

struct Expected {
    const Codebook* book;
    std::size_t entries;
};
constexpr Expected kBooks[] = {{&codebook_iq1, 2048},   {&codebook_iq2_xxs, 256}, {&codebook_iq2_xs, 512},
                               {&codebook_iq2_s, 1024}, {&codebook_iq3_xxs, 256}, {&codebook_iq3_s, 512}};

TEST(Codebooks, HoldDistinctAscendingEntriesOfTheirLevels) {
    for (const auto& [book, entries] : kBooks) {
        ASSERT_EQ(book->entries.size(), entries);
        EXPECT_TRUE(
            std::ranges::is_sorted(book->entries, std::less_equal<>()));  // strictly: no two are equal
        EXPECT_TRUE(std::ranges::is_sorted(book->levels));
        std::set<unsigned> used;
        for (unsigned i = 0; i < entries; i++)
            for (unsigned e = 0; e < book->elements; e++) {
                ASSERT_LT(book->code(i, e), book->levels.size()) << "entry " << i;
                used.insert(book->code(i, e));
            }
        EXPECT_EQ(used.size(), book->levels.size());
    }
}

TEST(Codebooks, FindEveryEntryAndNothingElse) {
    for (const auto& [book, entries] : kBooks) {
        std::size_t found = 0;
        for (unsigned entry = 0; entry < 65536; entry++)
            if (const auto index = book->find(static_cast<std::uint16_t>(entry))) {
                EXPECT_EQ(book->entries[*index], entry);
                found++;
            }
        EXPECT_EQ(found, entries);
    }
}

TEST(Codebooks, CompleteSevenSignsToAnEvenNumber) {
    for (unsigned seven = 0; seven < 128; seven++) {
        EXPECT_EQ(signs_of_seven(seven) & 127u, seven);
        EXPECT_EQ(std::popcount(signs_of_seven(seven)) % 2, 0);
        EXPECT_LT(signs_of_seven(seven), 256u);
    }
}

}  // namespace
}  // namespace tuff::test
