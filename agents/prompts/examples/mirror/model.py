# outputs: loops over the bits of d
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        y = 0
        for k in range(8):
            y |= ((i.d >> (7 - k)) & 1) << k
        equal_pairs = 0
        for k in range(7):
            if (i.d >> k) & 1 == (i.d >> (k + 1)) & 1:
                equal_pairs += 1
        return {"y": y, "equal_pairs": equal_pairs}

    def tick(self, i):
        pass
