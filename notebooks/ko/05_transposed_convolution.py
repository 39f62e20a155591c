# %% [markdown]
# # 5. 전치 합성곱, 한 걸음씩
#
# 완전 합성곱 신경망(fully convolutional network)은 앞쪽에서 특징 맵(feature map)을 작게 줄이고 뒤쪽에서 다시 키웁니다.
# 맵을 키우는 연산이 전치 합성곱(transposed convolution)입니다. 이 노트북을 마치면 전치 합성곱을 세 가지 방법으로 손수
# 계산해 같은 답을 얻을 수 있고, `stride`, `padding`, `output_padding`이 하는 일을 설명할 수 있습니다. 또
# 업샘플링(upsampling) 말고 *무엇에* 쓰이는지도 알게 됩니다. 역전파에서 기울기(gradient)가 합성곱을 거슬러 전달될 때의
# 계산이 바로 전치 합성곱입니다.
#
# 먼저 볼 것: 노트북 2(행렬로 본 합성곱). 맵 위를 미끄러지는 커널(kernel)과, 행렬과 벡터의 곱을 알면 됩니다.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minifcn as mf
import minifcn.functional as F
from minifcn import explain

plt.style.use("minifcn.explain.figures")  # 밝은 화면에서도 어두운 화면에서도 읽힌다
rng = np.random.default_rng(0)
np.set_printoptions(suppress=True)  # 1.379e+03 대신 1379로 출력

# %% [markdown]
# **기호.** 언제나 연산에 들어가는 맵을 $x$, 나오는 맵을 $y$라고 합니다. 전치 합성곱은 작은 맵 $x$를 받아 큰 맵 $y$를
# 내놓으며, 커널 크기는 $K$, 스트라이드(stride)는 $S$, 패딩(padding)은 $P$입니다. 그 이름은 반대 방향으로 가는
# 합성곱(convolution), 곧 큰 맵을 작은 맵으로 바꾸는 합성곱에서 왔습니다. *그* 합성곱에 들어가는 맵은 $y$와 모양이 같고,
# $u$라고 부릅니다.
#
# ## 5.1 도장 찍기
#
# 2x2 픽셀짜리 작은 맵 $x$와 가중치가 3x3개인 커널 $w$가 있습니다. 규칙은 한 문장이면 됩니다. **맵 $x$의 픽셀마다 자기
# 값을 곱한 커널을 결과에 도장(stamp)처럼 찍는데, 이웃한 픽셀의 도장은 $S$칸 떨어져 찍히고, 도장이 겹치는 곳에서는 값을
# 더합니다.**
#
# 무엇이 더해졌는지 한눈에 보이도록 수를 골랐습니다. 픽셀은 1, 10, 100, 1000이고 가중치는 1부터 9까지의 한 자리
# 수입니다. 그래서 결과의 각 자리 숫자를 보면 어느 가중치가 어느 픽셀에서 왔는지 알 수 있습니다.

# %%
x = np.array([[1.0, 10.0], [100.0, 1000.0]])
w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])

# %% [markdown]
# **예상해 보십시오**: 다음 셀을 실행하기 전에 생각해 봅시다. 스트라이드가 $S = 2$이면 결과의 크기는 얼마일까요? 도장 네
# 개가 모두 겹치는 한가운데에는 어떤 수가 올까요?


# %%
def stamp(x, w, stride):
    height, width = x.shape
    k = len(w)
    result = np.zeros(((height - 1) * stride + k, (width - 1) * stride + k))
    for i in range(height):
        for j in range(width):
            top, left = i * stride, j * stride
            result[top : top + k, left : left + k] += x[i, j] * w
    return result


y = stamp(x, w, stride=2)
print(y)
# ask: 결과의 행과 열
assert y.shape == (5, 5)
# ask: 한가운데의 수
assert y[2, 2] == 1379

# %% [markdown]
# 결과는 5x5 픽셀입니다. 마지막 도장이 $(2-1) \cdot 2 = 2$에서 시작하고 길이가 3이기 때문입니다. 일반적으로 한 변의
# 픽셀이 $n$개이면 결과의 크기는 $(n - 1)S + K$입니다. 한가운데에는 1379가 있습니다. 픽셀 1000이 첫 번째 가중치(1)를,
# 픽셀 100이 세 번째 가중치(3)를, 픽셀 10이 일곱 번째 가중치(7)를, 픽셀 1이 마지막 가중치(9)를 가져왔습니다.
#
# 다음 그림은 도장 네 개를 하나씩 보여 줍니다.

# %% tags=["fold"]
fig, axes = plt.subplots(2, 3, figsize=(7, 5.4), layout="constrained")
fig.suptitle("Every pixel stamps the kernel; where stamps overlap, they add up", fontsize=12)
explain.draw_numbers(axes[0, 0], x, "the small map x", colour=np.arange(4).reshape(2, 2), shade=x > 0)
for n, (i, j) in enumerate(np.ndindex(2, 2)):
    alone = stamp(np.where(np.arange(4).reshape(2, 2) == n, x, 0), w, 2)
    title = f"stamp of x[{i}, {j}] = {x[i, j]:g}"
    explain.draw_numbers(axes[i, j + 1], alone, title, colour=explain.KINDS[n], shade=alone > 0)
coverage = stamp(np.ones((2, 2)), np.ones((3, 3)), 2)
explain.draw_numbers(axes[1, 0], y, "the sum of the stamps\n(deeper tint: more stamps)", shade=coverage)

# %%
stamps = [stamp(np.where(np.arange(4).reshape(2, 2) == n, x, 0), w, 2) for n in range(4)]
np.testing.assert_array_equal(sum(stamps), y)

# %% [markdown]
# `F.conv_transpose2d`가 바로 이 연산입니다. 맵의 모양은 (N, C, H, W), 가중치의 모양은 (C, O, KH, KW)입니다. 여기서는
# 영상도 하나, 채널도 하나이므로 길이가 1인 축 두 개를 앞에 붙입니다.

# %%
X = mf.Tensor(x[None, None])
W = mf.Tensor(w[None, None])
result = F.conv_transpose2d(X, W, stride=2).data[0, 0]
np.testing.assert_array_equal(result, y)

# %% [markdown]
# ## 5.2 패딩
#
# **예상해 보십시오**: `padding=1`이면 결과는 커질까요(7x7), 그대로 5x5일까요, 아니면 작아질까요(3x3)?

# %%
padded = F.conv_transpose2d(X, W, stride=2, padding=1).data[0, 0]
print(padded)
# ask: 결과는: 커짐 | 그대로 | 작아짐*
assert padded.shape == (3, 3)
np.testing.assert_array_equal(padded, y[1:-1, 1:-1])

# %% [markdown]
# 작아집니다. 전치 합성곱에서 `padding`은 상하좌우에서 $P$줄씩 *잘라 냅니다*. 따라서 크기는 $(n - 1)S + K - 2P$입니다.
#
# 그런데도 '패딩'이라고 부르는 까닭은 전치하기 전의 합성곱을 보면 알 수 있습니다. 합성곱에서는 $u$의 둘레에 0을 $P$줄
# 두르므로, 3x3 픽셀이 5x5가 된 다음에 커널이 그 위를 미끄러집니다. 전치 합성곱으로 되돌아갈 때 이 0의 자리에 찍히는
# 값은 버립니다. $u$에는 그 자리에 픽셀이 없기 때문입니다.

# %%
u = mf.Tensor(rng.normal(size=(1, 1, 3, 3)))
assert F.conv2d(u, W, stride=2, padding=1).shape == (1, 1, 2, 2)  # 3x3 -> 2x2
assert F.conv_transpose2d(X, W, stride=2, padding=1).shape == (1, 1, 3, 3)  # 2x2 -> 3x3

# %% [markdown]
# ## 5.3 왜 '전치'라고 부를까요?
#
# 합성곱은 선형이므로 행렬 $C$로 나타낼 수 있습니다. $u$의 픽셀을 한 행씩 이어 붙여 벡터로 쓰면 $x = C u$입니다. $C$의
# 행 하나가 $x$의 픽셀 하나를 계산하며, 그 행에는 그 픽셀의 창(window)에 해당하는 자리에 커널이 들어 있습니다.
#
# **예상해 보십시오**: $u$가 5x5이고 $K = 3$, $S = 2$이면 $C$는 몇 행 몇 열일까요? $C^T$는 어떨까요?

# %%
C = explain.conv_matrix(W, (1, 5, 5), stride=2)
print(C.astype(int))
# ask: C의 행과 열
assert C.shape == (4, 25)

u = rng.normal(size=(5, 5))
np.testing.assert_allclose(C @ u.ravel(), F.conv2d(mf.Tensor(u[None, None]), W, stride=2).data.ravel())

# %% [markdown]
# $x$의 픽셀이 4개이므로 4행이고, $u$의 픽셀이 25개이므로 25열입니다. 즉 $C$는 수 25개를 4개로 바꾸고 $C^T$는 수 4개를
# 25개로 바꿉니다. $C^T$는 $x$의 모양을 $y$의 모양이기도 한 $u$의 모양으로 되돌립니다.
#
# **예상해 보십시오**: $C^T x$는 무엇일까요?

# %%
# ask: 그것은: 원래 영상 | 도장의 합* | 0
np.testing.assert_array_equal((C.T @ x.ravel()).reshape(5, 5), y)
for n in range(4):  # C의 n번 행이 n번 도장
    np.testing.assert_array_equal(x.ravel()[n] * C[n].reshape(5, 5), stamps[n])

# %% [markdown]
# 도장을 모두 더한 것과 마지막 자리까지 같습니다. $C$의 $n$번 행을 열벡터로 세운 것을 $c_n$이라고 하면
# $C^T x = \sum_n x_n c_n$입니다. $c_n$을 다시 5x5로 접으면 창 $n$ 자리에 놓인 커널이 되고, 이것이 곧 도장입니다. 다음
# 두 설명은 같은 것을 말합니다.
#
# - 합성곱은 값을 **모읍니다**(gather). $x$의 픽셀 $n$은 $u$의 창 $n$에 있는 픽셀들에 가중치를 하나씩 곱해 더한
#   값입니다.
# - 전치 합성곱은 값을 **흩뿌립니다**(scatter). $x$의 픽셀 $n$의 값이 같은 창에 같은 가중치로 퍼집니다.

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
colours = np.arange(4)[:, None] + np.zeros((4, 25), int)
explain.draw_numbers(
    ax, C, "", colour=colours, shade=C > 0, labels=("pixel of u, one row of five after the other", "pixel of x")
)
fig.suptitle("Each row of C is a window of the convolution, and a stamp of its transpose", fontsize=12)
ax.set_xticks(range(0, 25, 5), [f"u[{row}, 0]" for row in range(5)])
ax.set_yticks(range(4), ["x[0, 0]", "x[0, 1]", "x[1, 0]", "x[1, 1]"])
for k in range(5, 25, 5):
    ax.axvline(k - 0.5, color="grey", linewidth=0.8)

# %% [markdown]
# 자르기도 이 행렬에 들어 있습니다. $P = 1$이면 $u$는 3x3 픽셀이고, 패딩과 만날 가중치는 $C$에 아예 들어 있지 않습니다.

# %%
C_padded = explain.conv_matrix(W, (1, 3, 3), stride=2, padding=1)
assert C_padded.shape == (4, 9)
assert np.count_nonzero(C) == 36  # 창 4개에 가중치 9개씩
assert np.count_nonzero(C_padded) == 16  # 창마다 가중치 4개는 u 위, 5개는 패딩 위
np.testing.assert_array_equal((C_padded.T @ x.ravel()).reshape(3, 3), padded)

# %% [markdown]
# **예상해 보십시오**: 단계마다 커널에 어떤 수가 곱해질까요? 그런 다음 직접 눌러 봅시다. 앞으로, 뒤로 버튼을 누르거나,
# 한 번 클릭한 뒤 화살표 키를 쓰면 됩니다. 한 단계가 도장 하나이고, 동시에 $C^T$의 열 하나입니다. 결과의 픽셀을
# 마우스로 가리키면 그 픽셀에 해당하는 행과, 그 픽셀의 값을 이루는 $x$의 픽셀들이 보입니다.

# %%
stepper = explain.Stepper(x, w, stride=2, padding=1)
# ask: 단계마다 커널에 곱해지는 수
assert [step.value for step in stepper.steps] == [1, 10, 100, 1000]
np.testing.assert_array_equal([step.column for step in stepper.steps], C_padded)  # 전치한 행렬의 열
stepper

# %% [markdown]
# ## 5.4 픽셀 사이의 0, 그리고 어떤 커널을 쓸까
#
# 전치 합성곱을 설명하는 그림에는 세 번째 방법도 자주 나옵니다. $x$의 픽셀 사이에 0을 $S - 1$개씩 끼워 넣고 둘레에 0을
# $K - 1$줄 두른 다음, 그 위로 커널을 스트라이드 1로 미끄러뜨리는 방법입니다. 옳은 방법입니다. 그런데 어떤 커널을 써야
# 할까요?
#
# **예상해 보십시오**: 가장 작은 경우입니다. 값이 1인 픽셀 하나가 있고 사방에 0이 두 줄씩 있습니다. 그 위로 $w$를
# 미끄러뜨리면 무엇이 나올까요?

# %%
one = np.zeros((5, 5))
one[2, 2] = 1
slid = F.conv2d(mf.Tensor(one[None, None]), W).data[0, 0]
print(slid)
# ask: 나오는 것은: w 그대로 | 180도 돌린 w* | 전치한 w
np.testing.assert_array_equal(slid, w[::-1, ::-1])

# %% [markdown]
# 커널이 180도 돌아간 채로 나옵니다. 첫 번째 창에서는 픽셀이 *마지막* 자리에 있으므로 첫 번째 출력은 *마지막*
# 가중치입니다. 도장을 찍었다면 $w$가 그대로 나왔을 것입니다. 그러므로 미끄러뜨릴 커널을 미리 180도 돌려 두어야 합니다.
# 그러면 두 번의 회전이 서로 상쇄됩니다.

# %%
spread = np.zeros((7, 7))
spread[2:5:2, 2:5:2] = x  # 사이에 0 하나, 둘레에 0 두 줄
spread_map = mf.Tensor(spread[None, None])
turned = mf.Tensor(w[None, None, ::-1, ::-1])

with_flip = F.conv2d(spread_map, turned).data[0, 0]
without_flip = F.conv2d(spread_map, W).data[0, 0]
np.testing.assert_array_equal(with_flip, y)
assert without_flip.shape == y.shape
assert y[2, 2] == 1379
assert without_flip[2, 2] == 9731  # 픽셀마다 제 가중치의 맞은편 가중치를 만남

# %% tags=["fold"]
fig, axes = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
fig.suptitle("Sliding a kernel over the spread map: it has to be turned first", fontsize=12)
views = [
    (spread, "x with zeros between and around", "0.35"),
    (y, "the sum of the stamps, from 5.1", explain.KINDS[0]),
    (with_flip, "turned by 180 degrees: equal", explain.KINDS[0]),
    (without_flip, "w as it is: wrong numbers", explain.KINDS[3]),
]
for ax, (values, title, colour) in zip(axes.flat, views, strict=True):
    explain.draw_numbers(ax, values, title, colour=colour, shade=values != 0, labels=("column", "row"))

# %% [markdown]
# 뒤집지 않아도 모양은 맞습니다. 커널이 *대칭*이면 값까지 맞습니다. 다음 노트북에 나오는 이중선형(bilinear) 커널은
# 대칭이므로 이 실수를 드러내지 못합니다. 시험할 때는 언제나 대칭이 아닌 커널을 쓰십시오.

# %%
symmetric = mf.Tensor(np.outer([1.0, 3.0, 1.0], [1.0, 3.0, 1.0])[None, None])
np.testing.assert_array_equal(F.conv2d(spread_map, symmetric).data, F.conv_transpose2d(X, symmetric, stride=2).data)

# %% [markdown]
# 세 번째 방법이 이해를 돕는 그림일 뿐 실제 계산법이 되지 못하는 것도 이 0 때문입니다. 곱셈의 대부분이 0을 곱하는 데
# 쓰입니다.

# %%
multiplications_stamps = x.size * w.size
multiplications_sliding = y.size * w.size
assert (multiplications_stamps, multiplications_sliding) == (36, 225)

# %% [markdown]
# ### 실험실에서
#
# 도장, 0과 뒤집기, 그리고 $C^T$의 열을 나란히 놓았습니다. 한 단계마다 모든 그림에서 같은 수가 강조됩니다.
# 결과의 픽셀을 고르면 그 픽셀에서 무엇이 만나는지 보입니다. 스트라이드나 패딩도 끌어서 바꾸어 보십시오.

# %%
explain.Laboratory(x, w, stride=2, padding=1)

# %% [markdown]
# ## 5.5 수반 검사
#
# 다른 사람이 만든 전치 합성곱을, 안을 들여다보지 않고 어떻게 시험할 수 있을까요? 전치를 정의하는 성질을 쓰면 됩니다.
# 모든 행렬과 모든 벡터에 대해 $\langle C u, x \rangle = \langle u, C^T x \rangle$가 성립합니다. 여기서
# $\langle a, b \rangle$는 두 벡터의 성분끼리 곱해 더한 값(내적)입니다. 그러므로 $u$와 $x$를 무작위로 뽑아 두 수를
# 비교합니다. 이것이 수반 검사(adjoint test)입니다.
#
# **예상해 보십시오**: 아래에 출력되는 세 줄 가운데 0에 가까운 것은 어느 것일까요?

# %%
u = rng.normal(size=(1, 1, 5, 5))
r = rng.normal(size=(1, 1, 2, 2))  # x와 모양이 같은 무작위 맵

forward = (F.conv2d(mf.Tensor(u), W, stride=2).data * r).sum()  # <C u, r>


def spread_out(r):
    result = np.zeros((1, 1, 7, 7))
    result[:, :, 2:5:2, 2:5:2] = r
    return mf.Tensor(result)


candidates = {
    "conv_transpose2d": F.conv_transpose2d(mf.Tensor(r), W, stride=2),
    "0을 끼우고 뒤집음": F.conv2d(spread_out(r), turned),
    "0을 끼우고 뒤집지 않음": F.conv2d(spread_out(r), W),
}
residual = {name: abs(forward - (u * back.data).sum()) / abs(forward) for name, back in candidates.items()}
for name, value in residual.items():
    print(f"{name}: {value:.1e}")
assert residual["conv_transpose2d"] < 1e-14
assert residual["0을 끼우고 뒤집음"] < 1e-14
# ask: 0에서 먼 것은: conv_transpose2d | 0을 끼우고 뒤집음 | 0을 끼우고 뒤집지 않음*
assert residual["0을 끼우고 뒤집지 않음"] > 0.01

# %% [markdown]
# 무작위로 뽑은 한 쌍만으로도 뒤집기를 빠뜨린 것을 찾아낼 수 있습니다.
#
# ## 5.6 합성곱을 되돌릴까요?
#
# 논문과 Caffe에서는 역합성곱(deconvolution)이라는 이름도 보게 됩니다. 오해를 부르는 이름입니다. 신호 처리에서 이 말은
# 합성곱을 되돌려 원래 신호를 구한다는 뜻이기 때문입니다.
#
# **예상해 보십시오**: $C$는 4행 25열입니다. $x = C u$로 가면 $u$의 차원 가운데 몇 개가 사라질까요? $C^T C$는
# 단위행렬일까요?

# %%
# ask: 사라지는 u의 차원
assert 25 - np.linalg.matrix_rank(C) == 21  # C u에 흔적을 남기지 않음
# ask: 단위행렬일까: 예 | 아니요*
assert not np.allclose(C.T @ C, np.eye(25))

C1 = explain.conv_matrix(W, (1, 5, 5))  # 스트라이드 1: 출력 3x3
assert C1.shape == (9, 25)
assert np.linalg.matrix_rank(C1) == 9  # 덜 잃지만 그래도 16개 차원

# %% [markdown]
# 전치 합성곱은 역연산이 아닙니다. 사라진 것은 되찾을 수 없습니다. 다음은 서로 다르지만 $x$가 같은 두 맵입니다. 첫
# 번째 맵에 $C$가 보지 못하는 것을 더해 두 번째 맵을 만들었습니다.

# %%
first = np.add.outer(np.arange(5.0), np.arange(5.0))  # 경사면
unseen = rng.normal(size=25)
unseen -= np.linalg.pinv(C) @ (C @ unseen)  # C가 보는 부분을 뺌
second = first + 2 * unseen.reshape(5, 5)

same_x = C @ first.ravel()
np.testing.assert_allclose(C @ second.ravel(), same_x)
assert np.abs(second - first).max() > 1
back = (C.T @ same_x).reshape(5, 5)
assert not np.allclose(back, first)
assert not np.allclose(back, second)
assert back.shape == first.shape

# %% tags=["fold"]
fig, axes = plt.subplots(1, 3, figsize=(7, 3.3), layout="constrained")
fig.suptitle("The transposed convolution brings back the shape, not the values", fontsize=12)
titles = ["one u", "another u, rounded,\nwith the same x = C u", "Cᵀ x:\nneither of them"]
for ax, values, title in zip(axes, [first, second, back], titles, strict=True):
    explain.draw_numbers(ax, values.round(), title, colour=explain.KINDS[0], shade=values - values.min())

# %% [markdown]
# ## 5.7 output_padding은 S가지 크기 가운데 하나를 고릅니다
#
# 스트라이드가 $S$이면 크기가 다른 여러 $u$에서 크기가 같은 $x$가 나옵니다. 마지막 몇 줄은 스트라이드 한 칸을 다 채우지
# 못하고 남을 수 있기 때문입니다.
#
# **예상해 보십시오**: $K = 5$, $S = 3$, $P = 2$입니다. 한 변이 16, 17, 18, 19픽셀인 맵 가운데 합성곱을 거쳐 같은 크기가
# 되는 것은 어느 것들일까요?

# %%
K, stride, P = 5, 3, 2
kernel = mf.Tensor(rng.normal(size=(1, 1, K, K)))
small = {}
for n in [16, 17, 18, 19]:
    u = mf.Tensor(np.zeros((1, 1, n, n)))
    small[n] = F.conv2d(u, kernel, stride=stride, padding=P).shape[-1]
print(small)
# ask: 16, 17, 18, 19는 각각 얼마가 될까
assert list(small.values()) == [6, 6, 6, 7]
assert small == {16: 6, 17: 6, 18: 6, 19: 7}

# %% [markdown]
# 16, 17, 18은 모두 6이 됩니다. 서로 다른 세 가지($S = 3$) 크기가 하나로 합쳐지는 것입니다. 6에서 돌아갈 때는 그 가운데
# 어느 것을 원하는지 정해 주어야 합니다. 따로 정하지 않으면 가장 작은 $(6-1) \cdot 3 + 5 - 2 \cdot 2 = 16$이 나오고,
# `output_padding`으로 1이나 2만큼 더 키울 수 있습니다. 그러므로 "같은 설정을 쓰면 원래 모양으로 돌아온다"는 말이 언제나
# 맞는 것은 아닙니다. 17은 6이 되었다가 16이 됩니다.

# %%
X6 = mf.Tensor(rng.normal(size=(1, 1, 6, 6)))
results = {
    extra: F.conv_transpose2d(X6, kernel, stride=stride, padding=P, output_padding=extra).data[0, 0]
    for extra in range(stride)
}
assert [results[extra].shape for extra in range(3)] == [(16, 16), (17, 17), (18, 18)]

# %% [markdown]
# **예상해 보십시오**: 늘어난 행과 열에는 무엇이 들어 있을까요? 0일까요, 복사한 값일까요, 아니면 다른 무엇일까요?

# %%
whole = F.conv_transpose2d(X6, kernel, stride=stride).data[0, 0]  # 찍힌 것 전부, 잘라 내지 않음
assert whole.shape == (20, 20)
for extra, result in results.items():
    np.testing.assert_allclose(result, whole[2 : 18 + extra, 2 : 18 + extra])
# ask: 그곳에는: 0 | 복사한 값 | 다른 수*
assert (results[2][16:] != 0).all()

# %% [markdown]
# 0도 복사한 값도 아닙니다. 이미 계산되었지만 잘려 나갔던 값이 들어 있습니다. `output_padding`은 아무것도 덧대지
# 않습니다. 아래쪽과 오른쪽을 덜 잘라 낼 뿐입니다.
#
# 예외가 하나 있습니다. $P$가 `output_padding`보다 작으면, 추가로 요청한 행과 열이 마지막 도장 너머에 놓입니다. 그곳에는
# 어떤 픽셀의 도장도 닿지 않으므로 값이 0입니다. 연산의 결과에서도, 행렬 $C^T$에서도 그렇습니다.

# %%
beyond = F.conv_transpose2d(X, W, stride=2, padding=0, output_padding=1).data[0, 0]
assert beyond.shape == (6, 6)
np.testing.assert_array_equal(beyond[:5, :5], y)
assert (beyond[5] == 0).all()
C6 = explain.conv_matrix(W, (1, 6, 6), stride=2)  # 6x6도 2x2가 됨
np.testing.assert_array_equal((C6.T @ x.ravel()).reshape(6, 6), beyond)

# %% [markdown]
# ## 5.8 겹침 수와 체커보드
#
# 한 픽셀에 도장이 몇 번 찍힐까요? 맵의 값도 커널의 가중치도 모두 1로 두고 도장을 찍으면, 이 겹침 수(coverage)를
# 결과에서 그대로 읽을 수 있습니다.
#
# **예상해 보십시오**: $K = 3$, $S = 2$이면 가장자리를 뺀 안쪽의 겹침 수는 어디나 같을까요?
# $K = 4$, $S = 2$이면 어떨까요?

# %%
coverage = {K: stamp(np.ones((4, 4)), np.ones((K, K)), 2) for K in (3, 4)}
# ask: K = 3의 안쪽은: 고르다 | 고르지 않다*
assert np.unique(coverage[3][2:-2, 2:-2]).tolist() == [1, 2, 4]
# ask: K = 4의 안쪽은: 고르다* | 고르지 않다
assert np.unique(coverage[4][2:-2, 2:-2]).tolist() == [4]

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 4.1), layout="constrained")
fig.suptitle("Number of stamps on each pixel: uneven inside unless S divides K", fontsize=12)
for ax, (K, stamps_on) in zip(axes, coverage.items(), strict=True):
    title = f"K = {K}, S = 2: {'uneven' if K == 3 else 'even inside'}"
    explain.draw_numbers(ax, stamps_on, title, colour=explain.KINDS[0], labels=("column", "row"))

# %% [markdown]
# $K$가 $S$로 나누어떨어지지 않으면 픽셀마다 찍히는 도장의 수가 다릅니다. 여기서는 네 배나 차이가 납니다. 이 때문에
# 생기는 격자무늬를 체커보드 현상(checkerboard artefact)이라고 부릅니다. 도장이 적게 찍히는 가장자리는 두 경우에 모두
# 있습니다.
#
# **예상해 보십시오**: 그렇다면 $K = 4$, $S = 2$일 때는 *어떤* 커널을 쓰든 체커보드 현상이 없다고 말할 수 있을까요?

# %%
w4 = rng.normal(size=(4, 4))
flat = stamp(np.ones((5, 5)), w4, 2)[3:-3, 3:-3]  # 평평한 맵을 업샘플링하고 가장자리는 뺌
print(flat.round(2))
np.testing.assert_allclose(flat[0:4:2, 0:4:2], flat[0, 0])  # 한 칸 건너 있는 픽셀은 같지만 ...
# ask: 어떤 커널이든 체커보드가 없다: 예 | 아니요*
assert np.ptp(flat) > 1  # ... 이웃한 픽셀은 다름

# %% [markdown]
# 그렇지 않습니다. 겹침 수가 고른 것만으로는 부족합니다. 각 픽셀은 가중치 16개 가운데 두 칸 간격으로 놓인 네 개(예를
# 들어 `w4[0::2, 0::2]`)만 만나고, 이웃한 픽셀은 다른 네 개를 만납니다. 평평한 맵이 평평하게 남으려면 이 네 묶음의 합이
# 모두 같아야 합니다. 학습된 커널이 이 조건을 지키리라는 법은 없습니다. 다음 노트북의 이중선형 커널은 지킵니다.

# %%
quarters = np.array([[w4[a::2, b::2].sum() for b in range(2)] for a in range(2)])
for i, j in np.ndindex(flat.shape):  # flat의 0행은 결과의 3행: 홀수 행의 가중치를 만남
    np.testing.assert_allclose(flat[i, j], quarters[(i + 1) % 2, (j + 1) % 2])

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
fig.suptitle("Each pixel is the sum of one quarter of the weights, and its neighbour of another", fontsize=12)
k, l = np.indices((4, 4))
explain.draw_numbers(
    axes[0], w4.round(1), "the kernel, in its four quarters", colour=2 * (k % 2) + l % 2, shade=k + 1 > 0
)
i, j = np.indices(flat.shape)
parts = 2 * ((i + 1) % 2) + (j + 1) % 2
explain.draw_numbers(axes[1], flat.round(1), "a flat map, upsampled: no longer flat", colour=parts, shade=parts >= 0)

# %% [markdown]
# ## 5.9 합성곱의 기울기는 전치 합성곱입니다
#
# 지금까지는 전치 합성곱으로 맵을 키웠습니다. 두 번째 쓰임새도 그에 못지않게 중요합니다. 손실(loss)이 $y = C x$에 따라
# 정해지고, $y$에 대한 손실의 기울기가 $g$라고 합시다. $g_n$은 $y_n$이 조금 커질 때 손실이 얼마나 커지는지를 나타냅니다.
# 그러면 $x_k$가 조금 커질 때는 손실이 얼마나 커질까요? 픽셀 $x_k$는 모든 $y_n$에 가중치 $C_{nk}$를 거쳐 영향을 주므로
# 답은 $\sum_n C_{nk}\, g_n$이고, 이것은 $C^T g$의 $k$번 성분입니다.
#
# **예상해 보십시오**: 3채널을 2채널로 바꾸는 합성곱이 있습니다. $K = 3$, $S = 2$, $P = 1$이고 맵은 7x9 픽셀입니다.
# 역전파(backpropagation)를 하는 `backward`가 $x$에 대한 기울기를 계산합니다. `conv_transpose2d`를 어떻게 호출하면 같은
# 배열이 나올까요? 가중치를 고쳐야 할까요?

# %%
x = mf.Tensor(rng.normal(size=(1, 3, 7, 9)), requires_grad=True)
weight = mf.Tensor(rng.normal(size=(2, 3, 3, 3)))  # (O, C, KH, KW)
out = F.conv2d(x, weight, stride=2, padding=1)
g = mf.Tensor(rng.normal(size=out.shape))
out.backward(g)

same = F.conv_transpose2d(g, weight, stride=2, padding=1)
assert x.grad.shape == same.shape == (1, 3, 7, 9)
# ask: 가중치는: 돌려야 한다 | 전치해야 한다 | 그대로 쓴다*
np.testing.assert_array_equal(x.grad.data, same.data)

# %% [markdown]
# 비트 하나까지 같은 배열입니다. minifcn에서는 둘이 같은 함수이기 때문입니다. 가중치는 그대로 씁니다. 가중치의 같은 축을
# `conv2d`는 (출력 채널, 입력 채널)로 읽고, `conv_transpose2d`는 (입력 채널, 출력 채널)로 읽습니다. 전치 합성곱의 입력은
# 합성곱의 출력과 모양이 같기 때문입니다.
#
# 이 함수를 쓰지 않고 두 가지로 확인해 봅시다. 하나는 행렬이고, 다른 하나는 유한 차분(finite difference)입니다. $x$의
# 픽셀 하나를 $h$만큼 움직이면 손실 $\langle g, C x \rangle$는 그 자리의 기울기에 $h$를 곱한 만큼 변해야 합니다.

# %%
C = explain.conv_matrix(weight, (3, 7, 9), stride=2, padding=1)
np.testing.assert_allclose(C.T @ g.data.ravel(), x.grad.data.ravel(), atol=1e-12)


def loss(values):
    return (F.conv2d(mf.Tensor(values), weight, stride=2, padding=1).data * g.data).sum()


h = 1e-3
right, left = x.data.copy(), x.data.copy()
right[0, 1, 4, 5] += h
left[0, 1, 4, 5] -= h
slope = (loss(right) - loss(left)) / (2 * h)
np.testing.assert_allclose(slope, x.grad.data[0, 1, 4, 5])

# %% [markdown]
# 거꾸로도 마찬가지입니다. 입력에 대한 *전치* 합성곱의 기울기는 합성곱입니다. $(C^T)^T = C$이기 때문입니다. 그래서 둘
# 가운데 하나를 제대로 구현한 라이브러리는 다른 하나를 거저 얻을 수 있습니다.

# %%
small = mf.Tensor(rng.normal(size=(1, 2, 4, 5)), requires_grad=True)
large = F.conv_transpose2d(small, weight, stride=2, padding=1)
g = mf.Tensor(rng.normal(size=large.shape))
large.backward(g)
np.testing.assert_array_equal(small.grad.data, F.conv2d(g, weight, stride=2, padding=1).data)

# %% [markdown]
# ## 5.10 가중치에 대한 기울기
#
# 일부 FCN에서처럼 전치 합성곱도 학습할 수 있습니다. 그때는 *가중치*의 기울기가 필요합니다. $y$에 대한 손실의 기울기를
# $g$라고 합시다. 가중치 $w_{kl}$는 도장마다 한 번씩 쓰입니다. $x_{ij}$를 곱해 ($P$를 뺀) $Si + k$행 $Sj + l$열에
# 더해집니다. 쓰인 곳의 기울기를 모두 더하면 다음과 같습니다.
#
# $$\frac{\partial L}{\partial w_{kl}} = \sum_{i,j} x_{ij} \; g_{Si + k - P,\, Sj + l - P}$$
#
# **예상해 보십시오**: $x$는 1, 10, 100, 1000이고 $g$는 어디나 1입니다. 가중치 아홉 개의 기울기는 각각 얼마일까요?


# %%
def weight_gradient(x, g, k, stride):
    result = np.zeros((k, k))
    for i, j in np.ndindex(x.shape):
        top, left = i * stride, j * stride
        result += x[i, j] * g[top : top + k, left : left + k]
    return result


pixels = np.array([[1.0, 10.0], [100.0, 1000.0]])
of_ones = weight_gradient(pixels, np.ones((5, 5)), 3, stride=2)
# ask: 가중치 하나의 기울기
assert np.unique(of_ones).tolist() == [1111]

# %% [markdown]
# 모두 픽셀의 합인 1111입니다. 가중치마다 모든 픽셀을 한 번씩 만났기 때문입니다. 이제 무작위 $g$로 `backward`와 견주고,
# 가중치 하나만 1일 때의 손실과도 견줍니다. (손실 $\langle g, y \rangle$는 $w$에 대해 선형이므로 작은 걸음이 필요
# 없습니다.) 마지막 줄이 그 정체를 말해 줍니다. $g$를 넣은 *합성곱*의 가중치 기울기이며, 출력의 기울기 자리에 $x$가
# 있습니다. 그래서 $\langle y, W A x \rangle$에는 세 면, 곧 합성곱, 전치 합성곱, 가중치 기울기가 있습니다. $y$, $W$,
# $x$ 가운데 하나를 빼면 그것에 대한 미분이 남습니다.


# %%
G = rng.normal(size=(5, 5))
kernel = mf.Tensor(rng.normal(size=(1, 1, 3, 3)), requires_grad=True)
F.conv_transpose2d(mf.Tensor(pixels[None, None]), kernel, stride=2).backward(mf.Tensor(G[None, None]))
np.testing.assert_allclose(kernel.grad.data[0, 0], weight_gradient(pixels, G, 3, stride=2))

for k, l in np.ndindex(3, 3):  # 가중치 하나만 1, 나머지는 0
    moved = np.zeros((3, 3))
    moved[k, l] = 1
    change = (F.conv_transpose2d(mf.Tensor(pixels[None, None]), mf.Tensor(moved[None, None]), stride=2).data * G).sum()
    np.testing.assert_allclose(change, kernel.grad.data[0, 0, k, l])

twin = mf.Tensor(kernel.data, requires_grad=True)
F.conv2d(mf.Tensor(G[None, None]), twin, stride=2).backward(mf.Tensor(pixels[None, None]))
np.testing.assert_array_equal(twin.grad.data, kernel.grad.data)  # 양쪽을 맞바꾼 같은 함수

# %% [markdown]
# ## 기억할 것
#
# - 픽셀마다 커널을 도장처럼 $S$칸 간격으로 찍습니다. `padding`은 잘라 내고, `output_padding`은 끝을 덜 잘라 냅니다.
# - 합성곱이 $C$라면 전치 합성곱은 $C^T$입니다. 행과 열을 맞바꾼 같은 행렬입니다. 모양은 되돌려 주지만 값은 되돌려 주지
#   않습니다.
# - 픽셀 사이에 0을 끼우고 180도 돌린 커널을 미끄러뜨려도 같은 결과가 나옵니다. 돌리지 않으면 틀리는데, 이 실수는 대칭이
#   아닌 커널을 써야만 드러납니다.
# - 전치 합성곱은 입력에 대한 합성곱의 기울기입니다. 전치 합성곱의 가중치는 양쪽을 맞바꾼 합성곱의 가중치와 같은
#   기울기를 받습니다.
#
# ## 생각해 볼 문제
#
# 1. `stride=2`를 고쳐 실행하기 전에, 5.1에서 $S = 1$일 때의 결과를 먼저 적어 보십시오. 어느 픽셀에 도장이 몇 번
#    찍힐까요? ($S = 3$이면 어떨까요? $S = 4$이면 결과의 어느 픽셀이 0일까요?)
# 2. FCN-32s는 $K = 64$, $S = 32$로 업샘플링합니다. $P$가 얼마이면 7x7 맵이 224x224가 될까요? 5.2의 식에 넣어 보고,
#    `F.conv_transpose2d`로 모양을 확인하십시오.
# 3. 5.4에서는 패딩이 $P = 0$입니다. $P = 1$이면 $x$의 둘레에 0을 몇 줄 둘러야 할까요? `spread`의 크기를 바꾸어
#    `padded`와 비교하십시오. $P > K - 1$이면 어떻게 될까요?
# 4. 5.7에서 19픽셀은 7이 되었습니다. `conv_transpose2d`를 어떻게 설정하면 19로 돌아갈까요? $S = 3$일 때
#    `output_padding=3`은 왜 쓸 수 없을까요?
# 5. 5.8의 평평한 맵을 평평하게 남기는 4x4 무작위 커널을 만들어 보십시오. 수 16개 가운데 자유롭게 고를 수 있는 것은 몇
#    개일까요?
#
# ## 더 읽을거리
#
# - `minifcn/functional/convolution.py`: `convolution`, `transposed_convolution`, `weight_gradient`. 몇 줄짜리 세
#   연산이며, 서로가 서로의 미분입니다. 행렬 곱은 `minifcn/compute/convolution.py`에 있습니다.
# - 논문(Long, Shelhamer, Darrell 2015)의 3.3절 "Upsampling is backwards strided convolution".
# - 다음 노트북: 업샘플링이 보간(interpolation)이 되려면 어떤 커널로 도장을 찍어야 하는지를 다룹니다.
