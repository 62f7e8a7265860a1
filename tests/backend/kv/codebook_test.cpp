#include "backend/kv/codebook.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tuff::test {
namespace {

struct Expected {
    std::uint32_t dim, bits;
    std::vector<double> positive;  // levels, in units of the standard deviation
    double distortion;
};

// Computed by an independent program in double precision.
const Expected kExpected[] = {
    {64, 1, {.801007}, .358387},
    {64, 2, {.452119, 1.499975}, .114526},
    {64, 3, {.243753, .750658, 1.329343, 2.111311}, .033391},
    {64, 4, {.127352, .384718, .650494, .931894, 1.239404, 1.590849, 2.023310, 2.646370}, .009132},
    {80, 4, {.127560, .385383, .651742, .933970, 1.242739, 1.596221, 2.032299, 2.663219}, .009204},
    {96, 3, {.244201, .752439, 1.334174, 2.124716}, .033773},
    {128, 1, {.799444}, .360889},
    {128, 2, {.452453, 1.505193}, .116000},
    {128, 3, {.244425, .753330, 1.336599, 2.131471}, .033966},
    {128, 4, {.127873, .386381, .653619, .937097, 1.247770, 1.604343, 2.045925, 2.688859}, .009315},
    {192, 4, {.128047, .386936, .654664, .938840, 1.250580, 1.608887, 2.053569, 2.703296}, .009377},
    {256, 3, {.244760, .754667, 1.340247, 2.141669}, .034256},
    {512, 2, {.452699, 1.509111}, .117111},
    {512, 4, {.128264, .387631, .655973, .941026, 1.254107, 1.614601, 2.063199, 2.721539}, .009454},
};

TEST(SphereCodebook, IsLloydMaxForTheExactDensity) {
    for (const Expected& expected : kExpected) {
        const SphereCodebook& book = sphere_codebook(expected.dim, expected.bits);
        SCOPED_TRACE(testing::Message() << expected.dim << " values, " << expected.bits << " bits");
        const std::size_t half = expected.positive.size();
        ASSERT_EQ(book.levels.size(), 2 * half);
        for (std::size_t i = 0; i < half; i++) {
            // The expected levels have six decimals; those of few bits were iterated less far.
            EXPECT_NEAR(book.levels[half + i], expected.positive[i], 2e-5);
            EXPECT_EQ(book.levels[half - 1 - i], -book.levels[half + i]);
        }
        EXPECT_NEAR(book.distortion, expected.distortion, 1e-6);
    }
}

TEST(SphereCodebook, TendsToThatOfTheNormalDistribution) {
    const SphereCodebook& book = sphere_codebook(1024, 4);
    const double normal[] = {0.128395, 0.388048, 0.656759, 0.942340, 1.256231, 1.618046, 2.069017, 2.732590};
    for (std::size_t i = 0; i < 8; i++) EXPECT_NEAR(book.levels[8 + i], normal[i], 6.0 / 1024);
}

TEST(SphereCodebook, ExistsForEveryHeadSize) {
    for (std::uint32_t dim = 8; dim <= 1024; dim += dim < 128 ? 8 : 64)
        for (std::uint32_t bits = 2; bits <= 4; bits++) {
            const SphereCodebook& book = sphere_codebook(dim, bits);
            ASSERT_EQ(book.levels.size(), std::size_t{1} << bits);
            for (std::size_t i = 1; i < book.levels.size(); i++)
                EXPECT_LT(book.levels[i - 1], book.levels[i]) << dim;
            EXPECT_LT(book.levels.back(), std::sqrt(static_cast<float>(dim)));
        }
}

}  // namespace
}  // namespace tuff::test
