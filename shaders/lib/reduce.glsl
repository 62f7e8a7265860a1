// Sum over a workgroup: subgroup reduction first, then one value per subgroup through shared memory.
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require

shared float reduce_parts[128];  // one per subgroup; a workgroup has at most 128 of them

// Returns the sum of `value` over the workgroup to invocation 0 (others get a partial one). Every invocation calls it.
float workgroup_sum(float value) {
    float sum = subgroupAdd(value);
    if (gl_NumSubgroups == 1) return sum;
    if (subgroupElect()) reduce_parts[gl_SubgroupID] = sum;
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        sum = reduce_parts[0];
        for (uint i = 1; i < gl_NumSubgroups; i++) sum += reduce_parts[i];
    }
    barrier();
    return sum;
}
