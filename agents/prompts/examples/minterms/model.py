# outputs: f and g by the row number p q r
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        row = i.p * 4 + i.q * 2 + i.r
        return {"f": int(row in (0, 3, 6)), "g": int(row not in (1, 4))}

    def tick(self, i):
        pass
