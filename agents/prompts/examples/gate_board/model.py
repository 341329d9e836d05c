# outputs: p = NAND, q = NOR, r = XNOR; all_set, any_set, even = reductions of v
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        return {
            "p": 1 - (i.a & i.b),
            "q": 1 - (i.a | i.b),
            "r": 1 - (i.a ^ i.b),
            "all_set": int(i.v == 31),
            "any_set": int(i.v != 0),
            "even": 1 - bin(i.v).count("1") % 2,
        }

    def tick(self, i):
        pass
