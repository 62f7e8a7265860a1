// Softmax in units of log2(e), as the attention kernels and those that merge their partial results do it.

const float LOG2_E = 1.44269504088896340736;
const float UNSEEN = -1e30;  // less than any logit, and finite: differences of it are no NaN

// 2^x for x <= 0 in half of exp2's instructions: 2^n times a polynomial in x - n from -1/2 to 1/2, minimax for the relative error
// (9.2e-8) among those that are 1 at 0. From 2^-125 down it stays there. n is found by adding 1.5 * 2^23, whose last bits then hold
// it: lavapipe converts to integers lane by lane.
const float INTEGER = 12582912.0;
float exp2_below(float x) {
    x = max(x, -125.0);
    precise float t = x + INTEGER, n = t - INTEGER, f = x - n;
    float power = fma(fma(fma(fma(fma(1.32647387e-3, f, 9.67151667e-3), f, 5.55073375e-2), f, 2.4022242e-1), f, 6.93146978e-1), f, 1.0);
    return intBitsToFloat(floatBitsToInt(power) + (floatBitsToInt(t) << 23));
}
// The same of a whole number, exactly; 0 below 2^-126.
float exp2_whole(float x) { return intBitsToFloat(floatBitsToInt(max(x, -127.0) + (INTEGER + 127)) << 23); }

// What is left of a row's results when its sink, if any, has joined the softmax: 1 / sum, fitted to the maximum m; 0 where it saw
// nothing.
float last_factor(float m, float sum, bool sinks, float sink) {
    float top = sinks ? max(m, sink) : m, fade = exp2(m - top);
    float total = sinks ? fma(sum, fade, exp2(sink - top)) : sum;
    return total > 0 ? fade / total : 0.0;
}
