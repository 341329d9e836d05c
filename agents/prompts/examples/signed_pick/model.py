# outputs: below = a < b as signed; y by case of sel
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        a = i.a - 256 if i.a >= 128 else i.a
        b = i.b - 256 if i.b >= 128 else i.b
        below = int(a < b)
        if i.sel == 0:
            y = max(a, b)
        elif i.sel == 1:
            y = a >> (i.b & 7)
        elif i.sel == 2:
            y = abs(a)
        else:
            y = a + b
        return {"y": y & 0xFF, "below": below}

    def tick(self, i):
        pass
